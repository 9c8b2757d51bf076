#include "reverse_proxy/upstream/retry_budget.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using reverse_proxy::core::TimePoint;
using reverse_proxy::upstream::RetryBudget;

constexpr TimePoint kStart{1h};

int take_all(RetryBudget& budget, TimePoint now) {
    int taken = 0;
    while (taken < 1000 && budget.try_take(now))
        ++taken;
    return taken;
}

TEST(RetryBudget, StartsWithTenTokens) {
    RetryBudget budget{20, kStart};
    EXPECT_DOUBLE_EQ(budget.tokens(kStart), 10);
    EXPECT_EQ(take_all(budget, kStart), 10);
    EXPECT_DOUBLE_EQ(budget.tokens(kStart), 0);
}

TEST(RetryBudget, RequestsBringTheirShare) {
    RetryBudget budget{20, kStart};
    take_all(budget, kStart);
    for (int i = 0; i < 50; ++i)
        budget.request_started();
    EXPECT_EQ(take_all(budget, kStart), 10);
    for (int i = 0; i < 4; ++i)
        budget.request_started();
    EXPECT_EQ(take_all(budget, kStart), 0) << "four fifths of a token";
    budget.request_started();
    EXPECT_EQ(take_all(budget, kStart), 1);
}

TEST(RetryBudget, TimeBringsThreeASecond) {
    RetryBudget budget{1, kStart};
    take_all(budget, kStart);
    EXPECT_EQ(take_all(budget, kStart + 333ms), 0);
    EXPECT_EQ(take_all(budget, kStart + 334ms), 1);
    EXPECT_EQ(take_all(budget, kStart + 10s), 29) << "30 in ten seconds, one of them taken";
}

TEST(RetryBudget, ManySmallStepsLoseNoTime) {
    RetryBudget budget{1, kStart};
    take_all(budget, kStart);
    int taken = 0;
    for (auto at = 0us; at <= 10s; at += 700us)
        taken += budget.try_take(kStart + at) ? 1 : 0;
    EXPECT_GE(taken, 29);
    EXPECT_LE(taken, 30);
}

TEST(RetryBudget, HoldsAHundred) {
    RetryBudget budget{99, kStart};
    for (int i = 0; i < 1000; ++i)
        budget.request_started();
    EXPECT_DOUBLE_EQ(budget.tokens(kStart), 100);
    EXPECT_DOUBLE_EQ(budget.tokens(kStart + 24h * 10'000), 100);
    EXPECT_EQ(take_all(budget, kStart + 24h * 10'000), 100);
}

TEST(RetryBudget, AnEarlierTimeOfAnotherWorkerChangesNothing) {
    RetryBudget budget{1, kStart};
    take_all(budget, kStart);
    EXPECT_FALSE(budget.try_take(kStart - 5s));
    EXPECT_TRUE(budget.try_take(kStart + 1s));
}

TEST(RetryBudget, ZeroPercentMeansNoRetries) {
    RetryBudget budget{0, kStart};
    for (int i = 0; i < 100; ++i)
        budget.request_started();
    EXPECT_FALSE(budget.try_take(kStart + 1h));
}

TEST(RetryBudget, AHundredPercentMeansNoBound) {
    RetryBudget budget{100, kStart};
    EXPECT_EQ(take_all(budget, kStart), 1000);
}

TEST(RetryBudget, IsExactOverThreads) {
    RetryBudget budget{50, kStart};
    std::atomic<int> taken{0};
    auto const work = [&] {
        for (int i = 0; i < 10'000; ++i) {
            budget.request_started();
            if (budget.try_take(kStart)) ++taken;
        }
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back(work);
    for (auto& thread : threads)
        thread.join();
    // Ten at the start and half a token for each request; nothing was full for long enough to
    // lose any.
    EXPECT_EQ(taken + static_cast<int>(budget.tokens(kStart)), 10 + 20'000);
}

}  // namespace
