#pragma once

#include "reverse_proxy/http/head.hpp"

#include <chrono>
#include <string_view>

namespace reverse_proxy::modifiers {

/// What is added to a response for debugging (EXPOSE_DEBUG_HEADERS).
struct DebugFacts {
    std::string_view upstream;
    unsigned attempts{1};
    std::chrono::milliseconds upstream_latency{0};
};

struct ResponseFacts {
    std::string_view request_id;
    std::string_view date;  // IMF-fixdate of now, for an origin that sent no Date (RFC 9110, 6.6.1)
    DebugFacts const* debug{nullptr};  // null: not exposed
};

/// The response head leaves without connection fields, Transfer-Encoding and the origin's
/// X-Request-Id (Content-Length stays, but for 1xx and 204, where it may not stand: the client's
/// connection writes the framing); with Via, X-Request-Id, and Date where the origin sent none.
/// Upgrade stays with a 101.
void modify_response(http::ResponseHead& head, ResponseFacts const& facts);
/// For interim responses (1xx): connection fields and Content-Length go, Via comes.
void modify_interim_response(http::ResponseHead& head);

}  // namespace reverse_proxy::modifiers
