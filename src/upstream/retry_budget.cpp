#include "reverse_proxy/upstream/retry_budget.hpp"

#include <algorithm>

namespace reverse_proxy::upstream {

namespace {

constexpr std::int64_t kToken = 1000;  // millitokens
constexpr std::int64_t kInitial = 10 * kToken;
constexpr std::int64_t kMost = 100 * kToken;
constexpr std::int64_t kGainPerMillisecond = 3;  // 3 tokens per second
constexpr std::int64_t kNanosecondsPerMillisecond = 1'000'000;
constexpr unsigned kNoBound = 100;

std::int64_t nanoseconds(core::TimePoint time) {
    return std::chrono::nanoseconds{time.time_since_epoch()}.count();
}

// Past the time in which an empty bucket fills, more does not count.
std::int64_t whole_milliseconds_between(std::int64_t from_ns, std::int64_t to_ns) {
    return to_ns <= from_ns ? 0 : (to_ns - from_ns) / kNanosecondsPerMillisecond;
}

std::int64_t gain_of(std::int64_t milliseconds) {
    return std::min(milliseconds, kMost) * kGainPerMillisecond;
}

void add_up_to_most(std::atomic<std::int64_t>& millitokens, std::int64_t gain) {
    std::int64_t seen = millitokens.load(std::memory_order_relaxed);
    while (seen < kMost && !millitokens.compare_exchange_weak(seen, std::min(kMost, seen + gain),
                                                              std::memory_order_relaxed)) {
    }
}

}  // namespace

RetryBudget::RetryBudget(unsigned percent, core::TimePoint now)
    : percent_{percent}, millitokens_{kInitial}, refilled_at_ns_{nanoseconds(now)} {}

void RetryBudget::request_started() {
    if (percent_ == 0 || percent_ >= kNoBound) return;
    add_up_to_most(millitokens_, std::int64_t{percent_} * kToken / 100);
}

bool RetryBudget::try_take(core::TimePoint now) {
    if (percent_ == 0) return false;
    if (percent_ >= kNoBound) return true;
    refill(now);
    std::int64_t seen = millitokens_.load(std::memory_order_relaxed);
    while (seen >= kToken) {
        if (millitokens_.compare_exchange_weak(seen, seen - kToken, std::memory_order_relaxed))
            return true;
    }
    return false;
}

double RetryBudget::tokens(core::TimePoint now) const {
    std::int64_t const since = refilled_at_ns_.load(std::memory_order_relaxed);
    std::int64_t const pending = gain_of(whole_milliseconds_between(since, nanoseconds(now)));
    std::int64_t const held = millitokens_.load(std::memory_order_relaxed) + pending;
    return static_cast<double>(std::min(kMost, held)) / static_cast<double>(kToken);
}

void RetryBudget::refill(core::TimePoint now) {
    std::int64_t since = refilled_at_ns_.load(std::memory_order_relaxed);
    std::int64_t const passed = whole_milliseconds_between(since, nanoseconds(now));
    if (passed == 0) return;
    // Whole milliseconds are taken, the rest of the time stays for the next refill. One worker wins
    // them; who loses finds them in the bucket a moment later.
    if (refilled_at_ns_.compare_exchange_strong(since, since + passed * kNanosecondsPerMillisecond,
                                                std::memory_order_relaxed))
        add_up_to_most(millitokens_, gain_of(passed));
}

}  // namespace reverse_proxy::upstream
