#include "reverse_proxy/admission/in_flight_limit.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace {

using reverse_proxy::admission::InFlightLimit;
using reverse_proxy::admission::Permit;

TEST(InFlightLimit, RefusesPastTheLimitAndTakesBack) {
    InFlightLimit limit{2};
    auto first = limit.try_acquire();
    auto second = limit.try_acquire();
    ASSERT_TRUE(first && second);
    EXPECT_FALSE(limit.try_acquire());
    EXPECT_EQ(limit.in_use(), 2U);
    first.reset();
    EXPECT_EQ(limit.in_use(), 1U);
    EXPECT_TRUE(limit.try_acquire());
    EXPECT_EQ(limit.limit(), 2U);
}

TEST(InFlightLimit, AMovedPermitIsGivenBackOnce) {
    InFlightLimit limit{2};
    {
        auto taken = limit.try_acquire();
        Permit moved{std::move(*taken)};
        taken.reset();
        EXPECT_EQ(limit.in_use(), 1U);
        auto other = limit.try_acquire();
        moved = std::move(*other);
        EXPECT_EQ(limit.in_use(), 1U) << "assigning gives the old place back";
        moved.release();
        moved.release();
        EXPECT_EQ(limit.in_use(), 0U);
    }
    EXPECT_EQ(limit.in_use(), 0U);
}

TEST(InFlightLimit, IsExactOverThreads) {
    constexpr std::size_t kLimit = 3;
    InFlightLimit limit{kLimit};
    std::atomic<std::size_t> holders{0};
    std::atomic<std::size_t> most{0};
    std::atomic<std::size_t> granted{0};
    std::atomic<std::size_t> refused{0};
    auto const work = [&] {
        std::vector<Permit> held;
        for (int i = 0; i < 20'000; ++i) {
            if (i % 3 == 2 && !held.empty()) {
                --holders;
                held.pop_back();
                continue;
            }
            auto permit = limit.try_acquire();
            if (!permit) {
                ++refused;
                continue;
            }
            ++granted;
            std::size_t const now = ++holders;
            std::size_t seen = most.load();
            while (now > seen && !most.compare_exchange_weak(seen, now)) {
            }
            held.push_back(std::move(*permit));
        }
        holders -= held.size();
    };
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back(work);
    for (auto& thread : threads)
        thread.join();
    EXPECT_EQ(most, kLimit);
    EXPECT_EQ(limit.in_use(), 0U);
    EXPECT_GT(granted, kLimit);
    EXPECT_GT(refused, 0U);
}

}  // namespace
