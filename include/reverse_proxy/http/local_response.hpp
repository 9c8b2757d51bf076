#pragma once

#include "reverse_proxy/core/failure.hpp"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reverse_proxy::http {

/// An answer the proxy gives itself.
struct LocalResponse {
    unsigned status{200};
    std::string_view content_type;
    std::string content;
    std::vector<std::pair<std::string_view, std::string>>
        fields;              // beside Content-Type and Content-Length
    std::string_view error;  // what Proxy-Status says; "" on success
};

/// Value of Allow where the proxy itself answers for a resource that is not its own.
inline constexpr std::string_view kAllowedMethods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

/// `application/problem+json` (RFC 9457) with Proxy-Status (RFC 9209).
/// @param error_type  of RFC 9209, 2.3; a literal
/// @param detail      text for `detail` and Proxy-Status' `details`, a literal without quotes; or
/// ""
LocalResponse problem_response(unsigned status, std::string_view error_type,
                               std::string_view request_id, std::string_view detail = {});

/// The same for a failure.
/// @param retry_after  seconds for Retry-After; 0 = none
/// @param detail       text for `detail` and Proxy-Status' `details`; "" where it must not be
/// exposed
LocalResponse failure_response(core::FailureKind kind, std::string_view request_id,
                               unsigned retry_after, std::string_view detail);

}  // namespace reverse_proxy::http
