#include "reverse_proxy/server/supervision.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <deque>

using namespace reverse_proxy;
using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

namespace {

/// A worker that does its work when told to.
struct SlowWorker {
    std::deque<std::function<void()>> queue;

    server::Supervision::Post post() {
        return [this](auto work) { queue.push_back(std::move(work)); };
    }
    void turn() {
        for (auto const& work : std::exchange(queue, {}))
            work();
    }
};

class Supervised : public testing::Test {
protected:
    server::Supervision& start(std::chrono::microseconds watchdog) {
        supervision.emplace(
            control,
            [this](std::string_view lines) {
                told.emplace_back(lines);
                return error;
            },
            watchdog);
        supervision->watch({first.post(), second.post()});
        return *supervision;
    }
    /// Runs what has been posted to the control thread.
    void answers_arrive() {
        control.restart();
        control.poll();
    }
    /// Waits for the timer alone.
    void half_the_watchdog_passes() {
        control.restart();
        control.run_one();
    }
    void both_turn() {
        first.turn();
        second.turn();
        answers_arrive();
    }

    boost::asio::io_context control;
    SlowWorker first;
    SlowWorker second;
    std::vector<std::string> told;
    int error{0};
    std::optional<server::Supervision> supervision;
};

}  // namespace

TEST_F(Supervised, ReadyOnceEveryWorkerTurns) {
    start(0us);
    first.turn();
    answers_arrive();
    EXPECT_THAT(told, IsEmpty());
    second.turn();
    answers_arrive();
    EXPECT_THAT(told, ElementsAre("READY=1\nSTATUS=serving\n"));
}

TEST_F(Supervised, WithoutAWatchdogNobodyIsAskedAgain) {
    start(0us);
    both_turn();
    control.restart();
    EXPECT_EQ(control.run(), 0U);  // no timer
    EXPECT_THAT(first.queue, IsEmpty());
}

TEST_F(Supervised, ASignOfLifeForEachRoundOfAnswers) {
    start(2ms);
    both_turn();
    EXPECT_THAT(told, ElementsAre("READY=1\nSTATUS=serving\nWATCHDOG=1\n"));
    half_the_watchdog_passes();
    EXPECT_EQ(told.size(), 1U);
    both_turn();
    EXPECT_THAT(told, ElementsAre(testing::_, "WATCHDOG=1\n"));
}

TEST_F(Supervised, NoSignOfLifeWhileOneHangs) {
    start(2ms);
    both_turn();
    for (int i = 0; i < 5; ++i) {
        half_the_watchdog_passes();
        first.turn();
        answers_arrive();
    }
    EXPECT_EQ(told.size(), 1U);
    EXPECT_EQ(second.queue.size(), 1U);  // a worker that hangs is not buried in questions
    second.turn();
    answers_arrive();
    EXPECT_EQ(told.size(), 2U);
}

TEST_F(Supervised, StoppingAsksForTheTimeOfTheDrain) {
    config::ShutdownSettings shutdown;
    shutdown.delay = 5s;
    shutdown.grace = 30s;
    start(0us).stopping(shutdown);
    EXPECT_THAT(told, ElementsAre("STOPPING=1\nSTATUS=draining\nEXTEND_TIMEOUT_USEC=40000000\n"));
}

TEST_F(Supervised, NeverReadyOnceStopping) {
    start(2ms).stopping({});
    both_turn();
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[1], "WATCHDOG=1\n");
}

TEST_F(Supervised, GoesOnWhereTheManagerCannotBeTold) {
    error = ECONNREFUSED;
    start(2ms);
    both_turn();
    half_the_watchdog_passes();
    error = 0;
    both_turn();
    EXPECT_EQ(told.size(), 2U);
}
