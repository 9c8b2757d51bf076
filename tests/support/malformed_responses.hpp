#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::test_support {

/// Kinds of `malformed=KIND` whose head nobody may pass on (502, http_protocol_error).
std::vector<std::string> malformed_heads();

/// The response's bytes; throws std::invalid_argument for an unknown kind. Beside the heads above:
/// `smuggled` (a second response behind a good one), `content_204`, `content_304` (a response
/// behind one that has no content), `bad_chunk`, `huge_chunk` (good head, broken content),
/// `unasked_101`, `huge_head` (a response head of 100 KiB), `many_interim` (1000 of them and no
/// final response).
std::string malformed_response(std::string_view kind);

}  // namespace reverse_proxy::test_support
