#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/core/random.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <latch>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using reverse_proxy::balancing::BreakerState;
using reverse_proxy::balancing::CircuitBreaker;
using reverse_proxy::balancing::Endpoint;
using reverse_proxy::balancing::EndpointList;
using reverse_proxy::balancing::Rotation;
using reverse_proxy::balancing::RoundRobin;
using reverse_proxy::core::kNever;
using reverse_proxy::core::Random;
using reverse_proxy::core::TimePoint;

constexpr TimePoint kNow{1h};
std::vector<std::size_t> const kNoneTried;

class RoundRobinTest : public testing::Test {
protected:
    EndpointList endpoints(std::size_t count) {
        CircuitBreaker::Config const config{true, 1, 10s, 30s, &rotation_.eligibility_version};
        EndpointList list;
        for (std::size_t i = 0; i < count; ++i)
            list.push_back(std::make_shared<Endpoint>(config, 1));
        return list;
    }
    void set_healthy(Endpoint& endpoint, bool healthy) {
        endpoint.healthy = healthy;
        ++rotation_.eligibility_version;
    }
    static void open(Endpoint& endpoint, TimePoint now) {
        CircuitBreaker::Ticket ticket;
        CircuitBreaker::Transition transition;
        ASSERT_TRUE(endpoint.breaker.try_acquire(now, ticket, transition));
        ASSERT_TRUE(endpoint.breaker.failed(ticket, now).happened);
    }
    // Indices of `count` picks; '-' where there was none.
    static std::string picks(RoundRobin& balancer, int count, TimePoint now = kNow) {
        std::string seen;
        for (int i = 0; i < count; ++i) {
            auto const pick = balancer.pick(now, kNoneTried);
            seen += pick ? std::to_string(pick->index) : "-";
        }
        return seen;
    }

    Rotation rotation_;
};

TEST_F(RoundRobinTest, EligibleIsWhatIsHealthyAndNotFencedOff) {
    EndpointList const list = endpoints(1);
    Endpoint& endpoint = *list.front();
    EXPECT_TRUE(endpoint.eligible(false, kNow));
    set_healthy(endpoint, false);
    EXPECT_FALSE(endpoint.eligible(false, kNow));
    EXPECT_TRUE(endpoint.eligible(true, kNow)) << "all are unhealthy, and it fails open";
    open(endpoint, kNow);
    EXPECT_FALSE(endpoint.eligible(true, kNow));
    EXPECT_TRUE(endpoint.eligible(true, kNow + 10s)) << "half open";
}

TEST_F(RoundRobinTest, TakesTurns) {
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(endpoints(3));
    EXPECT_EQ(picks(balancer, 7), "0120120");
}

TEST_F(RoundRobinTest, HasNothingToGiveWithoutEndpoints) {
    RoundRobin balancer{rotation_, true};
    EXPECT_EQ(picks(balancer, 1), "-");
    EXPECT_FALSE(balancer.any_eligible(kNow));
    EXPECT_EQ(balancer.next_half_open(), kNever);
}

TEST_F(RoundRobinTest, SharesOneRotationOverWorkers) {
    auto const list = endpoints(3);
    RoundRobin first{rotation_, false};
    RoundRobin second{rotation_, false};
    first.set_endpoints(list);
    second.set_endpoints(list);
    std::string seen;
    for (int i = 0; i < 3; ++i) {
        seen += picks(first, 1);
        seen += picks(second, 1);
    }
    EXPECT_EQ(seen, "012012");
}

TEST_F(RoundRobinTest, NothingBurstsOntoTheNextInLine) {
    auto const list = endpoints(4);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    EXPECT_EQ(picks(balancer, 5), "01230");
    set_healthy(*list[1], false);
    EXPECT_EQ(picks(balancer, 7), "2302302");
    set_healthy(*list[1], true);
    EXPECT_EQ(picks(balancer, 6), "301230");
}

TEST_F(RoundRobinTest, LeavesAnOpenBreakerOutUntilItsProbeIsDue) {
    auto const list = endpoints(2);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    open(*list[0], kNow);
    EXPECT_EQ(picks(balancer, 3), "111");
    EXPECT_EQ(balancer.next_half_open(), kNow + 10s);
    // Due by time alone, nobody raised the version.
    auto const probe = balancer.pick(kNow + 10s, {1});
    ASSERT_TRUE(probe);
    EXPECT_EQ(probe->index, 0U);
    EXPECT_TRUE(probe->ticket.probe);
    EXPECT_EQ(probe->transition.to, BreakerState::half_open);
    EXPECT_EQ(picks(balancer, 3, kNow + 10s), "111");
    EXPECT_LT(balancer.next_half_open(), kNow) << "half-open already";
    list[0]->breaker.succeeded(probe->ticket);
    EXPECT_EQ(picks(balancer, 4, kNow + 11s), "0101") << "the last turn was that of 1";
    EXPECT_EQ(balancer.next_half_open(), kNever);
}

TEST_F(RoundRobinTest, AnAbandonedProbeIsGivenToTheNext) {
    auto const list = endpoints(1);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    open(*list[0], kNow);
    auto const probe = balancer.pick(kNow + 10s, kNoneTried);
    ASSERT_TRUE(probe);
    EXPECT_FALSE(balancer.pick(kNow + 10s, kNoneTried));
    list[0]->breaker.abandon(probe->ticket);
    EXPECT_TRUE(balancer.pick(kNow + 10s, kNoneTried));
}

TEST_F(RoundRobinTest, ALostProbeDoesNotWedge) {
    auto const list = endpoints(1);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    open(*list[0], kNow);
    ASSERT_TRUE(balancer.pick(kNow + 10s, kNoneTried));
    EXPECT_FALSE(balancer.pick(kNow + 39s, kNoneTried));
    EXPECT_TRUE(balancer.pick(kNow + 40s, kNoneTried));
}

TEST_F(RoundRobinTest, SaysWhetherAnyIsEligible) {
    auto const list = endpoints(2);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    EXPECT_TRUE(balancer.any_eligible(kNow));
    set_healthy(*list[0], false);
    open(*list[1], kNow);
    EXPECT_FALSE(balancer.any_eligible(kNow));
    EXPECT_TRUE(balancer.any_eligible(kNow + 10s));
}

TEST_F(RoundRobinTest, ARetryGoesElsewhereWhereItCan) {
    auto const list = endpoints(3);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    for (int i = 0; i < 6; ++i) {
        EXPECT_THAT(balancer.pick(kNow, {0, 2})->index, testing::Eq(1U));
        EXPECT_THAT(balancer.pick(kNow, {1})->index, testing::Ne(1U));
    }
    EXPECT_TRUE(balancer.pick(kNow, {0, 1, 2})) << "a tried one is better than none";
    set_healthy(*list[1], false);
    EXPECT_THAT(balancer.pick(kNow, {0, 2})->index, testing::AnyOf(0U, 2U));
}

TEST_F(RoundRobinTest, RetriesOfAFailingEndpointSpreadEvenlyAndShiftNoTurns) {
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(endpoints(4));
    std::map<std::size_t, int> first;
    std::map<std::size_t, int> second;
    for (int i = 0; i < 120; ++i) {
        auto const index = balancer.pick(kNow, kNoneTried)->index;
        ++first[index];
        if (index == 1) ++second[balancer.pick(kNow, {1})->index];
    }
    EXPECT_EQ(first, (std::map<std::size_t, int>{{0, 30}, {1, 30}, {2, 30}, {3, 30}}));
    EXPECT_EQ(second, (std::map<std::size_t, int>{{0, 10}, {2, 10}, {3, 10}}));
}

TEST_F(RoundRobinTest, FailsOpenOnlyWhenAskedToAndNoneIsHealthy) {
    auto const list = endpoints(2);
    RoundRobin closed{rotation_, false};
    RoundRobin failing_open{rotation_, true};
    closed.set_endpoints(list);
    failing_open.set_endpoints(list);
    set_healthy(*list[0], false);
    EXPECT_EQ(picks(failing_open, 3), "111");
    set_healthy(*list[1], false);
    EXPECT_EQ(picks(closed, 1), "-");
    EXPECT_THAT(picks(failing_open, 4), testing::AnyOf("0101", "1010"));
    // Their breakers still count: unhealthy by probes is one thing, failing requests another.
    open(*list[0], kNow);
    EXPECT_EQ(picks(failing_open, 3), "111");
    set_healthy(*list[0], true);
    EXPECT_EQ(picks(failing_open, 1), "-");
}

TEST_F(RoundRobinTest, UsesTheListItWasGivenLast) {
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(endpoints(3));
    picks(balancer, 2);
    balancer.set_endpoints(endpoints(1));
    EXPECT_EQ(picks(balancer, 2), "00");
    balancer.set_endpoints({});
    EXPECT_EQ(picks(balancer, 1), "-");
}

// Endpoints come and go at random, `workers` take picks at random. Those that stay eligible all
// along must keep within one request of each other.
int widest_gap(Rotation& rotation, EndpointList const& list, unsigned workers, std::uint64_t seed) {
    Random random{seed};
    std::vector<RoundRobin> balancers(workers, RoundRobin{rotation, false});
    for (auto& balancer : balancers)
        balancer.set_endpoints(list);
    std::vector<int> taken(list.size(), 0);
    int widest = 0;
    for (int i = 0; i < 5000; ++i) {
        if (random.below(5) == 0) {
            // The first three stay.
            auto const index = 3 + random.below(list.size() - 3);
            list[index]->healthy = !list[index]->healthy;
            ++rotation.eligibility_version;
        }
        auto const pick = balancers[random.below(workers)].pick(kNow, kNoneTried);
        EXPECT_TRUE(list[pick->index]->healthy);
        ++taken[pick->index];
        auto const [least, most] = std::minmax_element(taken.begin(), taken.begin() + 3);
        widest = std::max(widest, *most - *least);
    }
    return widest;
}

TEST_F(RoundRobinTest, StaysEvenWhileOthersComeAndGo) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        EXPECT_LE(widest_gap(rotation_, endpoints(8), 1, seed), 1) << "seed " << seed;
}

TEST_F(RoundRobinTest, StaysEvenOverWorkersWhileOthersComeAndGo) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed)
        EXPECT_LE(widest_gap(rotation_, endpoints(8), 4, seed), 1) << "seed " << seed;
}

TEST_F(RoundRobinTest, GivesEachTurnOnceUnderConcurrency) {
    constexpr std::size_t kThreads = 4;
    constexpr int kPicks = 50'000;
    auto const list = endpoints(5);
    std::vector<std::vector<int>> taken(kThreads, std::vector<int>(list.size(), 0));
    std::latch all_started{kThreads};
    std::vector<std::thread> threads;
    for (std::size_t worker = 0; worker < kThreads; ++worker) {
        threads.emplace_back([&, worker] {
            RoundRobin balancer{rotation_, false};
            balancer.set_endpoints(list);
            all_started.arrive_and_wait();
            for (int i = 0; i < kPicks; ++i) {
                // The last one flaps, by the hand of one worker.
                if (worker == 0 && i % 7 == 0) set_healthy(*list[4], i % 2 == 0);
                ++taken[worker][balancer.pick(kNow, kNoneTried)->index];
            }
        });
    }
    for (auto& thread : threads)
        thread.join();
    std::vector<int> sums(list.size(), 0);
    for (auto const& of_worker : taken)
        std::transform(sums.begin(), sums.end(), of_worker.begin(), sums.begin(), std::plus<>{});
    auto const [least, most] = std::minmax_element(sums.begin(), sums.begin() + 4);
    EXPECT_LE(*most - *least, 1);
    EXPECT_LE(sums[4], *most);
}

TEST_F(RoundRobinTest, AReturningEndpointGetsItsEvenShare) {
    auto const list = endpoints(5);
    RoundRobin balancer{rotation_, false};
    balancer.set_endpoints(list);
    set_healthy(*list[2], false);
    picks(balancer, 1003);
    set_healthy(*list[2], true);
    std::string const seen = picks(balancer, 50);
    for (char const index : {'0', '1', '2', '3', '4'})
        EXPECT_EQ(std::count(seen.begin(), seen.end(), index), 10);
    for (std::size_t i = 0; i + 5 <= seen.size(); ++i)
        EXPECT_EQ(std::set<char>(seen.begin() + static_cast<std::ptrdiff_t>(i),
                                 seen.begin() + static_cast<std::ptrdiff_t>(i) + 5)
                      .size(),
                  5U);
}

}  // namespace
