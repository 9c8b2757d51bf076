#include "reverse_proxy/upstream/retry_policy.hpp"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using reverse_proxy::core::Duration;
using reverse_proxy::core::FailureKind;
using reverse_proxy::core::kNever;
using reverse_proxy::core::Random;
using reverse_proxy::core::TimePoint;
using reverse_proxy::http::Method;
using reverse_proxy::telemetry::RetryReason;
using reverse_proxy::upstream::backoff;
using reverse_proxy::upstream::FailedAttempt;
using reverse_proxy::upstream::judge;
using reverse_proxy::upstream::retry_reason;
using reverse_proxy::upstream::RetryState;
using reverse_proxy::upstream::RetryVerdict;

constexpr TimePoint kNow{1h};

RetryState state() {
    return {1, 3, kNow, kNow + 30s, false, {}};
}

FailedAttempt failed(FailureKind kind, Method method = Method::get) {
    FailedAttempt attempt;
    attempt.method = method;
    attempt.failure = kind;
    attempt.request_bytes_sent = true;
    return attempt;
}

FailedAttempt answered(unsigned status, Method method = Method::get) {
    FailedAttempt attempt;
    attempt.method = method;
    attempt.status = status;
    attempt.request_bytes_sent = true;
    attempt.response_bytes_received = true;
    return attempt;
}

TEST(RetryPolicy, ConnectFailuresAreRetriedForAnyMethod) {
    for (FailureKind const kind : {FailureKind::connect_refused, FailureKind::connect_unroutable,
                                   FailureKind::connect_timeout, FailureKind::connect_no_local_port,
                                   FailureKind::dns_error, FailureKind::dns_timeout}) {
        for (Method const method : {Method::get, Method::post, Method::patch, Method::other}) {
            FailedAttempt attempt = failed(kind, method);
            attempt.request_bytes_sent = false;
            EXPECT_EQ(judge(attempt, state()), RetryVerdict::retry);
            EXPECT_EQ(retry_reason(attempt), RetryReason::connect);
        }
    }
}

TEST(RetryPolicy, ResetAndTimeoutAreRetriedForIdempotentMethodsAlone) {
    for (FailureKind const kind :
         {FailureKind::connection_terminated, FailureKind::response_timeout}) {
        for (Method const method : {Method::get, Method::head, Method::options, Method::trace,
                                    Method::put, Method::delete_})
            EXPECT_EQ(judge(failed(kind, method), state()), RetryVerdict::retry);
        for (Method const method : {Method::post, Method::patch, Method::connect, Method::other})
            EXPECT_EQ(judge(failed(kind, method), state()), RetryVerdict::stop);
    }
    EXPECT_EQ(retry_reason(failed(FailureKind::connection_terminated)), RetryReason::reset);
    EXPECT_EQ(retry_reason(failed(FailureKind::response_timeout)), RetryReason::timeout);
}

TEST(RetryPolicy, AResetBeforeAnyByteWentOutIsRetriedForAnyMethod) {
    FailedAttempt attempt = failed(FailureKind::connection_terminated, Method::post);
    attempt.request_bytes_sent = false;
    EXPECT_EQ(judge(attempt, state()), RetryVerdict::retry);
}

TEST(RetryPolicy, StatusesThatSpeakOfTheOriginsTroubleAreRetried) {
    for (unsigned const status : {502U, 503U, 504U}) {
        EXPECT_EQ(judge(answered(status), state()), RetryVerdict::retry);
        EXPECT_EQ(judge(answered(status, Method::post), state()), RetryVerdict::stop);
    }
    for (unsigned const status : {200U, 404U, 408U, 429U, 500U, 501U, 505U})
        EXPECT_EQ(judge(answered(status), state()), RetryVerdict::stop);
    EXPECT_EQ(retry_reason(answered(503)), RetryReason::status);
}

TEST(RetryPolicy, OtherFailuresAreFinal) {
    for (FailureKind const kind :
         {FailureKind::request_malformed, FailureKind::content_too_large,
          FailureKind::content_timeout, FailureKind::in_flight_limit, FailureKind::no_endpoint,
          FailureKind::response_malformed, FailureKind::response_head_too_large,
          FailureKind::response_incomplete, FailureKind::client_gone, FailureKind::shutdown_cut,
          FailureKind::internal_error})
        EXPECT_EQ(judge(failed(kind), state()), RetryVerdict::stop);
}

TEST(RetryPolicy, ContentThatIsGoneEndsTheRetries) {
    for (FailedAttempt attempt :
         {failed(FailureKind::connection_terminated, Method::put),
          failed(FailureKind::connect_refused, Method::put), answered(503, Method::put)}) {
        attempt.content_replayable = false;
        EXPECT_EQ(judge(attempt, state()), RetryVerdict::stop);
    }
}

TEST(RetryPolicy, TheStateOfTheExchangeEndsTheRetries) {
    FailedAttempt const good = failed(FailureKind::connect_refused);
    FailedAttempt begun = good;
    begun.response_started_downstream = true;
    EXPECT_EQ(judge(begun, state()), RetryVerdict::stop);

    RetryState cutting = state();
    cutting.cutting = true;
    EXPECT_EQ(judge(good, cutting), RetryVerdict::stop);

    RetryState late = state();
    late.now = late.deadline;
    EXPECT_EQ(judge(good, late), RetryVerdict::stop);

    RetryState last = state();
    last.attempts_made = 2;
    EXPECT_EQ(judge(good, last), RetryVerdict::retry);
    last.attempts_made = 3;
    EXPECT_EQ(judge(good, last), RetryVerdict::stop);
}

TEST(RetryPolicy, ARetryAfterLongerThanTheTimeLeftEndsTheRetries) {
    RetryState with_retry_after = state();
    with_retry_after.retry_after = 30s;
    EXPECT_EQ(judge(answered(503), with_retry_after), RetryVerdict::retry);
    with_retry_after.retry_after = 31s;
    EXPECT_EQ(judge(answered(503), with_retry_after), RetryVerdict::stop);
    with_retry_after.deadline = kNever;
    EXPECT_EQ(judge(answered(503), with_retry_after), RetryVerdict::retry);
}

// The breaker opened while they were connecting: no origin has seen anything of them.
TEST(RetryPolicy, AConnectThatAnOpenBreakerHasOvertakenGoesElsewhereForNothing) {
    RetryState opened = state();
    opened.breaker_opened = true;
    opened.backoff = 1h;
    for (Method const method : {Method::get, Method::post}) {
        for (FailureKind const kind :
             {FailureKind::connect_refused, FailureKind::connect_timeout}) {
            FailedAttempt attempt = failed(kind, method);
            attempt.request_bytes_sent = false;
            EXPECT_EQ(judge(attempt, opened), RetryVerdict::elsewhere);
        }
    }
    opened.backoff = 0ms;
    EXPECT_EQ(judge(failed(FailureKind::connection_terminated), opened), RetryVerdict::retry)
        << "what was sent costs a token";
    EXPECT_EQ(judge(answered(503), opened), RetryVerdict::retry);
    opened.attempts_made = opened.max_attempts;
    EXPECT_EQ(judge(failed(FailureKind::connect_refused), opened), RetryVerdict::stop);
}

FailedAttempt stale(Method method, bool sent) {
    FailedAttempt attempt = failed(FailureKind::connection_terminated, method);
    attempt.connection_reused = true;
    attempt.request_bytes_sent = sent;
    return attempt;
}

TEST(RetryPolicy, AStaleConnectionIsReplacedAtOnce) {
    EXPECT_EQ(judge(stale(Method::get, true), state()), RetryVerdict::retry_fresh);
    EXPECT_EQ(judge(stale(Method::put, true), state()), RetryVerdict::retry_fresh);
    EXPECT_EQ(retry_reason(stale(Method::get, true)), RetryReason::stale);
    EXPECT_EQ(judge(stale(Method::post, true), state()), RetryVerdict::stop)
        << "a FIN does not prove that the request went unprocessed";
    EXPECT_EQ(judge(stale(Method::post, false), state()), RetryVerdict::retry_fresh);
}

TEST(RetryPolicy, AStaleConnectionCostsNoAttemptButKeepsTheOtherBounds) {
    RetryState no_retries = state();
    no_retries.max_attempts = 1;
    EXPECT_EQ(judge(stale(Method::get, true), no_retries), RetryVerdict::retry_fresh);
    RetryState late = state();
    late.now = late.deadline + 1ms;
    EXPECT_EQ(judge(stale(Method::get, true), late), RetryVerdict::stop);
    FailedAttempt gone = stale(Method::put, true);
    gone.content_replayable = false;
    EXPECT_EQ(judge(gone, state()), RetryVerdict::stop);
}

TEST(RetryPolicy, ASecondStaleConnectionIsAFailureLikeAnyOther) {
    RetryState again = state();
    again.fresh_used = true;
    EXPECT_EQ(judge(stale(Method::get, true), again), RetryVerdict::retry);
    again.attempts_made = again.max_attempts;
    EXPECT_EQ(judge(stale(Method::get, true), again), RetryVerdict::stop);
}

TEST(RetryPolicy, ABackoffThatReachesTheDeadlineEndsTheRetries) {
    RetryState late = state();
    late.deadline = kNow + 100ms;
    late.backoff = 99ms;
    EXPECT_EQ(judge(answered(503), late), RetryVerdict::retry);
    late.backoff = 100ms;
    EXPECT_EQ(judge(answered(503), late), RetryVerdict::stop);
    late.deadline = kNever;
    EXPECT_EQ(judge(answered(503), late), RetryVerdict::retry);
}

TEST(RetryPolicy, AReusedConnectionThatBeganToAnswerWasNotStale) {
    FailedAttempt attempt = stale(Method::get, true);
    attempt.response_bytes_received = true;
    EXPECT_EQ(judge(attempt, state()), RetryVerdict::retry);
    EXPECT_EQ(retry_reason(attempt), RetryReason::reset);
    FailedAttempt slow = failed(FailureKind::response_timeout);
    slow.connection_reused = true;
    EXPECT_EQ(judge(slow, state()), RetryVerdict::retry);
}

TEST(Backoff, FillsTheWholeRangeAndNeverPassesIt) {
    struct Case {
        unsigned retry;
        Duration most;
    };
    for (auto const& [retry, most] : std::vector<Case>{
             {1, 25ms}, {2, 50ms}, {3, 100ms}, {4, 200ms}, {5, 250ms}, {100, 250ms}}) {
        Random random{retry};
        Duration least = Duration::max();
        Duration longest{};
        Duration sum{};
        constexpr int kDraws = 2000;
        for (int i = 0; i < kDraws; ++i) {
            Duration const wait = backoff(retry, 25ms, 250ms, random);
            ASSERT_GE(wait, Duration::zero());
            ASSERT_LE(wait, most);
            least = std::min(least, wait);
            longest = std::max(longest, wait);
            sum += wait;
        }
        EXPECT_LT(least, most / 20);
        EXPECT_GT(longest, most - most / 20);
        // Uniform: the mean of 2000 draws lies within 5 % of the middle but once in 10^13.
        EXPECT_GT(sum / kDraws, most * 45 / 100);
        EXPECT_LT(sum / kDraws, most * 55 / 100);
    }
}

TEST(Backoff, CopesWithOddSettings) {
    Random random{1};
    EXPECT_EQ(backoff(3, 0ms, 250ms, random), Duration::zero());
    EXPECT_EQ(backoff(3, 25ms, 0ms, random), Duration::zero());
    for (int i = 0; i < 100; ++i)
        EXPECT_LE(backoff(1, 500ms, 250ms, random), 250ms);
    EXPECT_GE(backoff(200, 1s, Duration::max(), random), Duration::zero());
}

}  // namespace
