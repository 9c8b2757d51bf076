#include "tests/unit/core/loop.hpp"

#include <gtest/gtest.h>

#include <functional>
#include <optional>

using namespace reverse_proxy::core;
using namespace std::chrono_literals;

namespace {

TimePoint const kStart{1000h};

/// A waiter in a wheel of the test's own, whose time the test makes up.
class Sleeper : public Waiter {
public:
    Sleeper() : Waiter{&woken} {}
    std::optional<Wake> ended;
    int wakes{0};
    std::function<void()> then{[] {}};

private:
    static void woken(Waiter& self, Wake wake) {
        auto& sleeper = static_cast<Sleeper&>(self);
        sleeper.ended = wake;
        ++sleeper.wakes;
        sleeper.then();
    }
};

class DeadlineWheelTest : public testing::Test {
protected:
    bool sleep(Sleeper& sleeper, TimePoint until, TimePoint now) {
        // start() is what fixes the deadline; the reactor's own wheel must not look after it.
        sleeper.start(loop.io.reactor, nobody, 0, nullptr, 0, until);
        DeadlineWheel::remove(sleeper);
        return wheel.insert(sleeper, now);
    }
    /// Looks whenever the wheel asks for it, as the reactor does; the time at which `sleeper` woke.
    std::optional<TimePoint> run(Sleeper const& sleeper, TimePoint until) {
        for (TimePoint now = wheel.next_look(); now <= until; now = wheel.next_look()) {
            wheel.expire(now);
            if (sleeper.ended) return now;
            if (wheel.next_look() <= now) {
                ADD_FAILURE() << "the wheel asks for the past";
                return {};
            }
        }
        return {};
    }

    test::Loop loop;
    Socket nobody;
    DeadlineWheel wheel{kStart};
};

}  // namespace

TEST_F(DeadlineWheelTest, WakesExactlyAtTheDeadline) {
    // Within two ticks, on the edges of ticks, and just before and after one turn of the wheel
    // (51.2 s) and two of them.
    for (auto const after :
         {0ns, 1ns, 99'999'999ns, 100'000'000ns, 100'000'001ns, 199'999'999ns, 200'000'000ns,
          250'000'000ns, 1'000'000'000ns, 51'199'999'999ns, 51'200'000'000ns, 51'200'000'001ns,
          51'300'000'000ns, 60'000'000'000ns, 120'050'000'000ns}) {
        wheel = DeadlineWheel{kStart};
        Sleeper sleeper;
        sleep(sleeper, kStart + after, kStart);
        EXPECT_EQ(run(sleeper, kStart + 300s), kStart + after) << after.count();
        EXPECT_EQ(sleeper.ended, Wake::timed_out);
        EXPECT_FALSE(sleeper.waiting());
    }
}

TEST_F(DeadlineWheelTest, WakesExactlyWhereTheWheelHasTurnedBefore) {
    for (auto const age : {50ms, 12'345ms, 51'150ms, 51'200ms, 3'600'000ms}) {
        TimePoint const now = kStart + age;
        for (auto const after : {10ms, 150ms, 260ms, 30'000ms, 51'200ms, 75'000ms}) {
            wheel = DeadlineWheel{kStart};
            wheel.expire(now);
            Sleeper sleeper;
            sleep(sleeper, now + after, now);
            EXPECT_EQ(run(sleeper, now + 100s), now + after) << age.count() << ' ' << after.count();
        }
    }
}

TEST_F(DeadlineWheelTest, InsertSaysWhenTheLookMustComeEarlier) {
    Sleeper distant;
    Sleeper soon;
    Sleeper later;
    Sleeper sooner;
    Sleeper never;
    EXPECT_FALSE(sleep(distant, kStart + 10s, kStart));
    EXPECT_TRUE(sleep(soon, kStart + 50ms, kStart));
    EXPECT_FALSE(sleep(later, kStart + 60ms, kStart));
    EXPECT_TRUE(sleep(sooner, kStart + 40ms, kStart));
    EXPECT_FALSE(sleep(never, kNever, kStart));
    wheel.expire(kStart);
    EXPECT_EQ(wheel.next_look(), kStart + 40ms);
    wheel.expire(kStart + 1h);
    EXPECT_FALSE(never.ended);
    EXPECT_TRUE(distant.ended);
}

TEST_F(DeadlineWheelTest, RemovedOneIsNotWoken) {
    Sleeper first;
    Sleeper second;
    Sleeper third;
    for (Sleeper* sleeper : {&first, &second, &third})
        sleep(*sleeper, kStart + 5s, kStart);
    second.stop();
    second.stop();
    wheel.expire(kStart + 6s);
    EXPECT_EQ(first.wakes, 1);
    EXPECT_EQ(second.wakes, 0);
    EXPECT_EQ(third.wakes, 1);
}

TEST_F(DeadlineWheelTest, WokenOneMayStopAllOthersThatAreDue) {
    Sleeper sleepers[5];
    for (Sleeper& sleeper : sleepers) {
        sleep(sleeper, kStart + 5s, kStart);
        sleeper.then = [&] {
            for (Sleeper& other : sleepers)
                other.stop();
        };
    }
    wheel.expire(kStart + 6s);
    int wakes = 0;
    for (Sleeper const& sleeper : sleepers)
        wakes += sleeper.wakes;
    EXPECT_EQ(wakes, 1);
}

TEST_F(DeadlineWheelTest, WokenOneMayEndTheLifeOfAnother) {
    std::optional<Sleeper> a{std::in_place};
    std::optional<Sleeper> b{std::in_place};
    int wakes = 0;
    sleep(*a, kStart + 50ms, kStart);
    sleep(*b, kStart + 50ms, kStart);
    a->then = [&] {
        ++wakes;
        b.reset();
    };
    b->then = [&] {
        ++wakes;
        a.reset();
    };
    wheel.expire(kStart + 60ms);
    EXPECT_EQ(wakes, 1);
}

TEST_F(DeadlineWheelTest, WokenOneMayWaitAgain) {
    for (auto const pause : {30ms, 5000ms, 51'200ms}) {
        wheel = DeadlineWheel{kStart};
        Sleeper sleeper;
        TimePoint const late = kStart + 1s;
        sleep(sleeper, kStart + 500ms, kStart);
        sleeper.then = [&] {
            if (sleeper.wakes == 1) sleep(sleeper, late + pause, late);
        };
        wheel.expire(late);
        EXPECT_EQ(sleeper.wakes, 1) << pause.count();
        sleeper.ended.reset();
        EXPECT_EQ(run(sleeper, late + 100s), late + pause) << pause.count();
        EXPECT_EQ(sleeper.wakes, 2);
    }
}

TEST_F(DeadlineWheelTest, DeadlineInThePastIsDueAtOnce) {
    wheel.expire(kStart + 10s);
    Sleeper sleeper;
    EXPECT_TRUE(sleep(sleeper, kStart + 3s, kStart + 10s));
    EXPECT_LE(wheel.next_look(), kStart + 10s);
    wheel.expire(kStart + 10s);
    EXPECT_EQ(sleeper.wakes, 1);
}

TEST_F(DeadlineWheelTest, LateLookWakesAllThatAreDueAndNoneBesides) {
    Sleeper due[4];
    Sleeper not_due[2];
    sleep(due[0], kStart + 10ms, kStart);
    sleep(due[1], kStart + 900ms, kStart);
    sleep(due[2], kStart + 51'100ms, kStart);
    sleep(due[3], kStart + 100s, kStart);
    sleep(not_due[0], kStart + 200s, kStart);
    sleep(not_due[1], kStart + 200s + 51'200ms, kStart);
    wheel.expire(kStart + 150s);
    for (Sleeper const& sleeper : due)
        EXPECT_EQ(sleeper.wakes, 1);
    for (Sleeper const& sleeper : not_due)
        EXPECT_EQ(sleeper.wakes, 0);
    EXPECT_EQ(run(not_due[0], kStart + 300s), kStart + 200s);
    EXPECT_EQ(run(not_due[1], kStart + 300s), kStart + 200s + 51'200ms);
}
