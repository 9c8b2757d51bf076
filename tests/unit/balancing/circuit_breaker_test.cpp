#include "reverse_proxy/balancing/circuit_breaker.hpp"
#include "reverse_proxy/core/random.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using reverse_proxy::balancing::BreakerState;
using reverse_proxy::balancing::CircuitBreaker;
using reverse_proxy::core::kNever;
using reverse_proxy::core::Random;
using reverse_proxy::core::TimePoint;
using Ticket = CircuitBreaker::Ticket;
using Transition = CircuitBreaker::Transition;

constexpr TimePoint kStart{1h};

CircuitBreaker::Config config(std::uint32_t threshold = 3) {
    return {true, threshold, 10s, 30s, nullptr};
}

Ticket acquire(CircuitBreaker& breaker, TimePoint now) {
    Ticket ticket;
    Transition transition;
    EXPECT_TRUE(breaker.try_acquire(now, ticket, transition));
    return ticket;
}

bool refused(CircuitBreaker& breaker, TimePoint now) {
    Ticket ticket;
    Transition transition;
    return !breaker.try_acquire(now, ticket, transition);
}

void open(CircuitBreaker& breaker, TimePoint now) {
    while (breaker.state(now) != BreakerState::open)
        breaker.failed(acquire(breaker, now), now);
}

// What happens to the one ticket of each step, and where the breaker stands afterwards.
struct Step {
    std::chrono::milliseconds at;
    char act;  // s: succeeded, f: failed, a: abandon, r: refused
    BreakerState after;
};
struct Story {
    std::string name;
    std::vector<Step> steps;
};

class CircuitBreakerStories : public testing::TestWithParam<Story> {};

TEST_P(CircuitBreakerStories, EndWhereTheyShould) {
    CircuitBreaker breaker{config(3)};
    for (std::size_t i = 0; i < GetParam().steps.size(); ++i) {
        SCOPED_TRACE("step " + std::to_string(i));
        Step const& step = GetParam().steps[i];
        TimePoint const now = kStart + step.at;
        EXPECT_EQ(breaker.allows(now), step.act != 'r');
        if (step.act == 'r') {
            EXPECT_TRUE(refused(breaker, now));
        } else {
            Ticket const ticket = acquire(breaker, now);
            if (step.act == 's') breaker.succeeded(ticket);
            if (step.act == 'f') breaker.failed(ticket, now);
            if (step.act == 'a') breaker.abandon(ticket);
        }
        EXPECT_EQ(breaker.state(now), step.after);
    }
}

constexpr auto kClosed = BreakerState::closed;
constexpr auto kHalf = BreakerState::half_open;
constexpr auto kOpen = BreakerState::open;

INSTANTIATE_TEST_SUITE_P(
    All, CircuitBreakerStories,
    testing::Values(
        Story{"OpensAfterFailuresInARow",
              {{0ms, 'f', kClosed}, {1ms, 'f', kClosed}, {2ms, 'f', kOpen}}},
        Story{"ASuccessStartsTheCountAnew",
              {{0ms, 'f', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 's', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 'f', kOpen}}},
        Story{"AnAbandonedAttemptCountsNeitherWay",
              {{0ms, 'f', kClosed}, {0ms, 'f', kClosed}, {0ms, 'a', kClosed}, {0ms, 'f', kOpen}}},
        Story{"OpenRefusesUntilItsTime",
              {{0ms, 'f', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 'f', kOpen},
               {1ms, 'r', kOpen},
               {9'999ms, 'r', kOpen},
               {10'000ms, 's', kClosed}}},
        Story{"AFailedProbeOpensForAsLongAgain",
              {{0ms, 'f', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 'f', kOpen},
               {11'000ms, 'f', kOpen},
               {20'999ms, 'r', kOpen},
               {21'000ms, 's', kClosed}}},
        Story{"AnAbandonedProbeFreesItsPlace",
              {{0ms, 'f', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 'f', kOpen},
               {10'000ms, 'a', kHalf},
               {10'000ms, 'a', kHalf},
               {10'001ms, 's', kClosed}}},
        Story{"OnceClosedTheCountStartsAtZero",
              {{0ms, 'f', kClosed},
               {0ms, 'f', kClosed},
               {0ms, 'f', kOpen},
               {10'000ms, 's', kClosed},
               {10'000ms, 'f', kClosed},
               {10'000ms, 'f', kClosed},
               {10'000ms, 'f', kOpen}}}),
    [](auto const& story) { return story.param.name; });

TEST(CircuitBreaker, LetsOneProbeThrough) {
    CircuitBreaker breaker{config()};
    open(breaker, kStart);
    Ticket probe;
    Transition transition;
    ASSERT_TRUE(breaker.try_acquire(kStart + 10s, probe, transition));
    EXPECT_TRUE(probe.probe);
    EXPECT_TRUE(transition.happened);
    EXPECT_EQ(transition.from, kOpen);
    EXPECT_EQ(transition.to, kHalf);
    EXPECT_FALSE(breaker.allows(kStart + 11s));
    EXPECT_TRUE(refused(breaker, kStart + 11s));
    EXPECT_EQ(breaker.state(kStart + 11s), kHalf);
}

TEST(CircuitBreaker, ReportsOfAnEarlierPeriodChangeNothing) {
    CircuitBreaker breaker{config(1)};
    Ticket const early_success = acquire(breaker, kStart);
    Ticket const early_failure = acquire(breaker, kStart);
    breaker.failed(acquire(breaker, kStart), kStart);
    Ticket const probe = acquire(breaker, kStart + 10s);
    EXPECT_FALSE(breaker.succeeded(early_success).happened);
    EXPECT_FALSE(breaker.failed(early_failure, kStart + 11s).happened);
    EXPECT_EQ(breaker.state(kStart + 11s), kHalf);
    EXPECT_TRUE(breaker.succeeded(probe).happened);
    EXPECT_EQ(breaker.state(kStart + 11s), kClosed);
}

TEST(CircuitBreaker, AnOldTicketDoesNotFreeTheProbesPlace) {
    CircuitBreaker breaker{config(1)};
    open(breaker, kStart);
    Ticket const first = acquire(breaker, kStart + 10s);
    breaker.abandon(first);
    Ticket const second = acquire(breaker, kStart + 10s);
    breaker.abandon(first);
    EXPECT_FALSE(breaker.allows(kStart + 11s));
    EXPECT_FALSE(breaker.succeeded(first).happened);
    EXPECT_TRUE(breaker.succeeded(second).happened);
}

TEST(CircuitBreaker, AProbeThatIsNeverHeardOfLosesItsPlaceAfterItsLease) {
    CircuitBreaker breaker{config(1)};
    open(breaker, kStart);
    Ticket const lost = acquire(breaker, kStart + 10s);
    EXPECT_EQ(breaker.allows_again_at(), kStart + 40s);
    EXPECT_TRUE(refused(breaker, kStart + 40s - 1ms));
    Ticket const second = acquire(breaker, kStart + 40s);
    EXPECT_FALSE(breaker.failed(lost, kStart + 41s).happened);
    EXPECT_TRUE(breaker.succeeded(second).happened);
}

TEST(CircuitBreaker, SaysWhenItHalfOpens) {
    CircuitBreaker breaker{config(1)};
    EXPECT_EQ(breaker.half_opens_at(), kNever);
    EXPECT_EQ(breaker.allows_again_at(), kNever);
    open(breaker, kStart);
    EXPECT_EQ(breaker.half_opens_at(), kStart + 10s);
    EXPECT_EQ(breaker.allows_again_at(), kStart + 10s);
    EXPECT_EQ(breaker.state(kStart + 10s), kHalf);
    Ticket const probe = acquire(breaker, kStart + 10s);
    EXPECT_LT(breaker.half_opens_at(), kStart);
    breaker.succeeded(probe);
    EXPECT_EQ(breaker.half_opens_at(), kNever);
}

TEST(CircuitBreaker, CountsTransitionsAndRaisesTheVersionWithEachChange) {
    std::atomic<std::uint64_t> version{0};
    CircuitBreaker::Config with_version = config(1);
    with_version.eligibility_version = &version;
    CircuitBreaker breaker{with_version};
    breaker.succeeded(acquire(breaker, kStart));
    EXPECT_EQ(version, 0U);
    open(breaker, kStart);
    EXPECT_EQ(version, 1U);
    Ticket const probe = acquire(breaker, kStart + 10s);
    EXPECT_EQ(version, 2U);
    breaker.abandon(probe);
    EXPECT_EQ(version, 3U);
    Ticket const next = acquire(breaker, kStart + 10s);
    EXPECT_EQ(version, 4U);
    breaker.succeeded(next);
    EXPECT_EQ(version, 5U);
    EXPECT_EQ(breaker.transitions_to(kOpen), 1U);
    EXPECT_EQ(breaker.transitions_to(kHalf), 1U);
    EXPECT_EQ(breaker.transitions_to(kClosed), 1U);
}

TEST(CircuitBreaker, AllowsEverythingWhenDisabled) {
    CircuitBreaker::Config off = config(1);
    off.enabled = false;
    CircuitBreaker breaker{off};
    for (int i = 0; i < 10; ++i)
        EXPECT_FALSE(breaker.failed(acquire(breaker, kStart), kStart).happened);
    EXPECT_TRUE(breaker.allows(kStart));
    EXPECT_EQ(breaker.state(kStart), kClosed);
}

TEST(CircuitBreaker, EndlessDurationsStayOpen) {
    CircuitBreaker breaker{{true, 1, reverse_proxy::core::Duration::max(), 30s, nullptr}};
    open(breaker, kStart);
    EXPECT_TRUE(refused(breaker, kStart + 24h * 365 * 30));
}

// Random events from several threads over one breaker whose time moves on as they work. What must
// hold whatever the order: at most one probe is out at any moment, and the breaker closes no more
// often than probes succeeded.
TEST(CircuitBreaker, KeepsItsInvariantsUnderConcurrency) {
    constexpr unsigned kThreads = 4;
    constexpr int kEvents = 20'000;
    CircuitBreaker breaker{{true, 2, 5ms, 24h, nullptr}};
    std::atomic<std::int64_t> clock_ms{1};
    std::atomic<int> probes_out{0};
    std::atomic<int> most_probes_out{0};
    std::atomic<std::uint64_t> probe_successes{0};
    std::atomic<std::uint64_t> probe_failures{0};
    std::atomic<std::uint64_t> closings_without_probe{0};

    auto const report = [&](Ticket ticket, std::uint64_t kind, TimePoint now) {
        // Out of the count before its place is free, else a second one could be seen beside it.
        if (ticket.probe) --probes_out;
        if (kind < 5) {
            if (ticket.probe) ++probe_successes;
            auto const moved = breaker.succeeded(ticket);
            if (moved.happened && !ticket.probe) ++closings_without_probe;
        } else if (kind < 9) {
            if (ticket.probe) ++probe_failures;
            breaker.failed(ticket, now);
        } else {
            breaker.abandon(ticket);
        }
    };
    auto const work = [&](std::uint64_t seed) {
        Random random{seed};
        std::array<Ticket, 4> held{};
        std::array<bool, 4> holds{};
        for (int i = 0; i < kEvents; ++i) {
            TimePoint const now{std::chrono::milliseconds{clock_ms.load()}};
            auto const slot = random.below(held.size());
            Transition transition;
            if (holds[slot]) {
                report(held[slot], random.below(10), now);
                holds[slot] = false;
            } else if (breaker.try_acquire(now, held[slot], transition)) {
                holds[slot] = true;
                if (!held[slot].probe) continue;
                int const out = ++probes_out;
                int most = most_probes_out.load();
                while (out > most && !most_probes_out.compare_exchange_weak(most, out)) {
                }
            } else if (random.below(4) == 0) {
                ++clock_ms;
            }
        }
        for (std::size_t slot = 0; slot < held.size(); ++slot)
            if (holds[slot]) report(held[slot], 9, TimePoint{1ms});
    };
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < kThreads; ++i)
        threads.emplace_back(work, 41 + i);
    for (auto& thread : threads)
        thread.join();

    EXPECT_EQ(most_probes_out, 1);
    EXPECT_EQ(closings_without_probe, 0U);
    EXPECT_EQ(breaker.transitions_to(kClosed), probe_successes);
    EXPECT_GT(probe_successes, 10U);
    EXPECT_GT(probe_failures, 10U);
    // Each opening beyond the probes' failures was one out of closed.
    EXPECT_LE(breaker.transitions_to(kOpen), probe_failures + breaker.transitions_to(kClosed) + 1);
    // Nothing wedges: once its time has come the breaker takes a probe, and closes with it.
    TimePoint const later{1h};
    if (breaker.state(later) != kClosed) {
        Ticket const probe = acquire(breaker, later);
        EXPECT_TRUE(breaker.succeeded(probe).happened);
    }
    EXPECT_EQ(breaker.state(later), kClosed);
}

}  // namespace
