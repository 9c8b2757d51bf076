#include "reverse_proxy/upstream/retry_policy.hpp"

#include <algorithm>

namespace reverse_proxy::upstream {

namespace {

using core::FailureKind;

bool is_connect_failure(FailureKind kind) {
    switch (kind) {
    case FailureKind::connect_refused:
    case FailureKind::connect_unroutable:
    case FailureKind::connect_timeout:
    case FailureKind::connect_no_local_port:
    case FailureKind::dns_error:
    case FailureKind::dns_timeout:
        return true;
    default:
        return false;
    }
}

/// The origin closed an idle pooled connection just as it was used again. A FIN or reset does not
/// prove that the request went unprocessed, so `judge` still asks for the method.
bool went_stale(FailedAttempt const& attempt) {
    return attempt.connection_reused && !attempt.response_bytes_received &&
           attempt.failure == FailureKind::connection_terminated;
}

/// Contract, section 4: the failures after which another attempt may bring an answer.
bool is_retryable(FailedAttempt const& attempt) {
    if (!attempt.failure)
        return attempt.status == 502 || attempt.status == 503 || attempt.status == 504;
    return is_connect_failure(*attempt.failure) ||
           *attempt.failure == FailureKind::connection_terminated ||
           *attempt.failure == FailureKind::response_timeout;
}

/// A second time does no harm: the method says so (RFC 9110, 9.2.2), or no origin can have seen the
/// request.
bool is_repeatable(FailedAttempt const& attempt) {
    bool const unseen = attempt.failure && !attempt.request_bytes_sent;
    return attempt.content_replayable && (unseen || http::is_idempotent(attempt.method));
}

}  // namespace

RetryVerdict judge(FailedAttempt const& attempt, RetryState const& state) {
    if (attempt.response_started_downstream || state.cutting || state.now >= state.deadline)
        return RetryVerdict::stop;
    if (!is_retryable(attempt) || !is_repeatable(attempt)) return RetryVerdict::stop;
    // Ahead of the count of attempts: the race is the proxy's own doing and costs the request none.
    // Once: an origin that closes each connection after a while has failed like any other.
    if (went_stale(attempt) && !state.fresh_used) return RetryVerdict::retry_fresh;
    if (state.attempts_made >= state.max_attempts) return RetryVerdict::stop;
    // When an endpoint dies, all that are connecting to it fail together, more of them than a
    // budget may hold. A moment later the open breaker would have sent them elsewhere for nothing,
    // and nothing is what any origin has seen of them.
    if (state.breaker_opened && attempt.failure && is_connect_failure(*attempt.failure))
        return RetryVerdict::elsewhere;
    if (state.retry_after && *state.retry_after > state.deadline - state.now)
        return RetryVerdict::stop;
    // An attempt past the deadline could bring nothing; better the answer that is there.
    if (state.backoff >= state.deadline - state.now) return RetryVerdict::stop;
    return RetryVerdict::retry;
}

telemetry::RetryReason retry_reason(FailedAttempt const& attempt) {
    if (!attempt.failure) return telemetry::RetryReason::status;
    if (is_connect_failure(*attempt.failure)) return telemetry::RetryReason::connect;
    if (*attempt.failure == FailureKind::response_timeout) return telemetry::RetryReason::timeout;
    return went_stale(attempt) ? telemetry::RetryReason::stale : telemetry::RetryReason::reset;
}

core::Duration backoff(unsigned retry_number, core::Duration base, core::Duration max,
                       core::Random& random) {
    core::Duration most = std::min(base, max);
    for (unsigned n = 1; n < retry_number && most < max; ++n)
        most = most > max / 2 ? max : most * 2;
    if (most <= core::Duration::zero()) return core::Duration::zero();
    auto const bound = static_cast<std::uint64_t>(most.count()) + 1;  // `most` itself may be drawn
    return core::Duration{static_cast<core::Duration::rep>(random.below(bound))};
}

}  // namespace reverse_proxy::upstream
