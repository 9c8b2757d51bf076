#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::test_support {

/// Kinds of `malformed=KIND` whose head nobody may pass on (502, http_protocol_error).
std::vector<std::string> malformed_heads();
/// Kinds of which head and first chunk are sound and all that follows is not.
std::vector<std::string> malformed_chunks();

/// The response's bytes; throws std::invalid_argument for an unknown kind. Beside those above:
/// `smuggled` (a second response behind a good one), `content_204`, `content_304` (a response
/// behind one that has no content), `unasked_101`, `no_reason` (a status line that ends with its
/// code; good, and rare), `interim_with_coding` (chunked content behind a 103), `huge_head` (100
/// KiB), `many_fields` (1001 of them), `many_interim` (1000 of them and no final response).
std::string malformed_response(std::string_view kind);

}  // namespace reverse_proxy::test_support
