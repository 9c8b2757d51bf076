#pragma once

#include "reverse_proxy/core/clock.hpp"

#include <atomic>
#include <cstdint>

namespace reverse_proxy::upstream {

/// Token bucket that keeps retries from becoming a storm: starts with 10 tokens, gains
/// `percent`/100 of a token per request and 3 per second, holds at most 100; a retry takes one. 0 =
/// no retries, 100 = no bound. Shared by all workers; thread-safe, lock-free, and a full bucket is
/// only read on the request's path.
class RetryBudget {
public:
    RetryBudget(unsigned percent, core::TimePoint now);
    /// Once for each request (not for its retries).
    void request_started();
    /// Takes a token for a retry; false: none left.
    [[nodiscard]] bool try_take(core::TimePoint now);
    [[nodiscard]] double tokens(core::TimePoint now) const;

private:
    void refill(core::TimePoint now);

    unsigned percent_;
    alignas(64) std::atomic<std::int64_t> millitokens_;
    std::atomic<std::int64_t> refilled_at_ns_;
};

}  // namespace reverse_proxy::upstream
