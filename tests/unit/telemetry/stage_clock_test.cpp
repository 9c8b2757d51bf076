#include "reverse_proxy/telemetry/stage_clock.hpp"
#include "telemetry/shard_state.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;

namespace {

struct ManualClock {
    static inline core::TimePoint time;
    static inline int reads = 0;
    static core::TimePoint now() {
        ++reads;
        return time;
    }
};

class StageClockTest : public testing::Test {
protected:
    StageClockTest() { ManualClock::reads = 0; }

    std::uint64_t count(Stage stage) const {
        std::uint64_t total = 0;
        for (Cell const& bucket : histogram(stage).buckets)
            total += bucket.read();
        return total;
    }
    std::chrono::nanoseconds sum(Stage stage) const {
        return std::chrono::nanoseconds{histogram(stage).sum_ns.read()};
    }

    MetricsShard shard_{std::make_shared<LabelSets>()};

private:
    DurationHistogram const& histogram(Stage stage) const {
        return shard_.state().stages[static_cast<unsigned>(stage)];
    }
};

}  // namespace

TEST_F(StageClockTest, CountsWhenLeftByAnException) {
    try {
        BasicStageClock<ManualClock> const clock{shard_, Stage::upstream, ManualClock::time};
        throw std::runtime_error{"cut"};
    } catch (std::runtime_error const&) {
    }
    EXPECT_EQ(count(Stage::upstream), 1U);
}

TEST_F(StageClockTest, SharesOneReadBetweenTwoStages) {
    core::TimePoint const started = ManualClock::time;
    {
        BasicStageClock<ManualClock> clock{shard_, Stage::read_head, started};
        ManualClock::time += 1ms;
        EXPECT_EQ(clock.next(Stage::admission), started + 1ms);
        ManualClock::time += 2ms;
        clock.next(Stage::routing, ManualClock::time);
        ManualClock::time += 4ms;
    }
    EXPECT_EQ(ManualClock::reads, 2) << "one in next, one at the end";
    EXPECT_EQ(sum(Stage::read_head), 1ms);
    EXPECT_EQ(sum(Stage::admission), 2ms);
    EXPECT_EQ(sum(Stage::routing), 4ms);
    EXPECT_EQ(count(Stage::read_head) + count(Stage::admission) + count(Stage::routing), 3U);
}

TEST_F(StageClockTest, RealClockRunsForward) {
    { StageClock const clock{shard_, Stage::response, core::Clock::now()}; }
    EXPECT_EQ(count(Stage::response), 1U);
    EXPECT_LT(sum(Stage::response), 10s);
}
