#pragma once

#include "reverse_proxy/core/failure.hpp"

#include <string_view>

namespace reverse_proxy::http {

/// What a failure means outside: one row of the contract's table.
struct FailureStatus {
    unsigned status;              // of the response, or of the log line where none can be sent
    std::string_view error_type;  // RFC 9209, 2.3; "" for `client_gone`, which has none
    std::string_view log_error;   // the access log's `error`: error_type, or "client_gone"
    bool blames_endpoint;         // counts as a failed attempt for the breaker
};

FailureStatus const& failure_status(core::FailureKind kind);
/// "Bad Gateway" for 502; "" for a code that is not registered with IANA (RFC 9110, 15).
std::string_view reason_phrase(unsigned status);

}  // namespace reverse_proxy::http
