#pragma once

#include "reverse_proxy/http/local_response.hpp"

namespace reverse_proxy::admin {

/// GET /status: one HTML page with its style and script inside, the same for everyone and without
/// any figure; its script asks /status.json for those. Its Content-Security-Policy lets run and
/// apply these two by their hashes and nothing else.
/// @param token_wanted  the script asks the person for the token before it asks for the figures
http::LocalResponse status_page(bool token_wanted);

}  // namespace reverse_proxy::admin
