#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/http/method.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include <cstdint>
#include <optional>

namespace reverse_proxy::upstream {

/// What is known about an attempt that did not bring a good answer.
struct FailedAttempt {
    http::Method method{http::Method::get};
    std::optional<core::FailureKind> failure;  // nothing: a response came, see `status`
    unsigned status{0};                        // 502, 503, 504 of the origin
    bool connection_reused{false};
    bool request_bytes_sent{false};       // at least one byte was handed to the kernel
    bool response_bytes_received{false};  // any byte of a response (an interim one counts)
    bool content_replayable{true};        // nothing sent yet, or a copy is kept
    bool response_started_downstream{
        false};  // a byte (an interim response counts) has gone to the client
};

/// Where the exchange stands.
struct RetryState {
    unsigned attempts_made{1};
    unsigned max_attempts{3};
    core::TimePoint now;
    core::TimePoint deadline;                   // of the exchange
    bool cutting{false};                        // the drain's grace has ended
    std::optional<core::Duration> retry_after;  // of the origin's 503
    core::Duration backoff{};                   // the wait drawn for this retry
    bool fresh_used{false};                     // a stale connection was made up for already
    bool breaker_opened{false};                 // by others, while this attempt was under way
};

enum class RetryVerdict : std::uint8_t {
    stop,
    retry,        // after a backoff, if the budget has a token
    retry_fresh,  // at once on a fresh connection: a reused one had gone stale; costs neither
                  // budget nor breaker
    elsewhere,    // at once: it came too late to an open breaker; costs the budget nothing
};

/// Contract, section 4. Retried: connect failures for any method (nothing was sent); reset, close
/// or time-out before a response's head, and 502/503/504 for idempotent methods with content that
/// can be sent again.
RetryVerdict judge(FailedAttempt const& attempt, RetryState const& state);
telemetry::RetryReason retry_reason(FailedAttempt const& attempt);

/// Full jitter: random(0, min(max, base * 2^(n-1))) before retry n = 1, 2, ...
/// (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
core::Duration backoff(unsigned retry_number, core::Duration base, core::Duration max,
                       core::Random& random);

}  // namespace reverse_proxy::upstream
