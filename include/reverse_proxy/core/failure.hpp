#pragma once

#include <boost/system/result.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

namespace reverse_proxy::core {

/// Everything that can end an exchange without the origin's answer. `http/failure_status` alone
/// turns a kind into a status code, an RFC 9209 error type and the question whether the endpoint is
/// blamed.
enum class FailureKind : std::uint8_t {
    request_malformed,        // 400
    transfer_coding_unknown,  // 501
    target_too_long,          // 414
    head_too_large,           // 431
    content_too_large,        // 413
    head_timeout,             // 408: CLIENT_HEADER_TIMEOUT_MS
    content_timeout,          // 408: STREAM_IDLE_TIMEOUT_MS while the client's content is awaited
    method_not_supported,     // 405: CONNECT, which has no meaning at a reverse proxy
    in_flight_limit,          // 503
    no_endpoint,              // 503
    connect_refused,          // 502
    connect_unroutable,       // 502
    connect_timeout,          // 504
    connect_no_local_port,  // 502, not the endpoint's fault: our own ports ran out (EADDRNOTAVAIL,
                            // EMFILE)
    dns_error,              // 502
    dns_timeout,            // 502
    connection_terminated,  // 502
    response_malformed,     // 502
    response_head_too_large,  // 502
    response_timeout,         // 504
    response_incomplete,      // closed, the head has gone out already
    client_gone,              // 499 in the log only
    shutdown_cut,             // the drain's grace ended
    internal_error,           // 500
};

/// Why something failed: the kind decides what the client sees, the text is for the log.
///
/// What makes one is taken for unlikely, so that the compiler keeps it out of the way of what
/// succeeds: a request's code is larger than a processor's first cache.
struct Failure {
    Failure() = default;
    [[gnu::cold, gnu::noinline]] Failure(FailureKind why, std::string_view text)
        : kind{why}, reason{text} {}

    FailureKind kind{FailureKind::internal_error};
    /// Static text (a literal), never bytes from a peer.
    std::string_view reason;
};

template <typename T> using Result = boost::system::result<T, Failure>;

}  // namespace reverse_proxy::core

namespace boost::system {
/// boost::system::result wants to know what value() throws on a Failure; we never call it
/// unchecked.
[[noreturn]] inline void throw_exception_from_error(reverse_proxy::core::Failure const& failure,
                                                    boost::source_location const& /*where*/) {
    throw std::runtime_error{std::string{failure.reason}};
}
}  // namespace boost::system
