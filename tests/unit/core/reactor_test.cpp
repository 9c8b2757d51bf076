#include "tests/unit/core/loop.hpp"

#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

using namespace reverse_proxy::core;
using namespace std::chrono_literals;
using test::Loop;
using test::spawn;
using test::Stream;

namespace {

/// A waiter that is no coroutine.
class Watch : public Waiter {
public:
    explicit Watch(std::function<void()> action = [] {})
        : Waiter{&ended}, action_{std::move(action)} {}
    int calls{0};
    std::optional<Wake> wake;

private:
    static void ended(Waiter& self, Wake wake) {
        auto& watch = static_cast<Watch&>(self);
        ++watch.calls;
        watch.wake = wake;
        watch.action_();
    }
    std::function<void()> action_;
};

void watch(Loop& loop, Watch& waiter, Stream& stream, Readiness interest) {
    waiter.start(loop.io.reactor, stream.socket, interest, nullptr, 0, kNever);
}

}  // namespace

TEST(Reactor, WaitEndsWithWhatWasAskedForAndNothingElse) {
    struct Case {
        Readiness interest;
        void (*cause)(Stream&);
        bool wakes;
    };
    auto const send = [](Stream& stream) { stream.peer.send("x"); };
    auto const finish = [](Stream& stream) { stream.peer.finish(); };
    auto const close = [](Stream& stream) { stream.peer.close(); };
    for (Case const& c :
         {Case{kReadable, send, true}, Case{kReadable, finish, true}, Case{kReadable, close, true},
          Case{kHungUp, send, false}, Case{kHungUp, finish, true}, Case{kHungUp, close, true},
          Case{kReadable | kHungUp, send, true}, Case{0, send, false}, Case{0, close, false}}) {
        Loop loop;
        Stream stream{loop};
        loop.settle();
        std::optional<Wake> wake;
        spawn([&]() -> Task<> {
            wake = co_await Wait{loop.io.reactor, stream.socket, c.interest, kNever};
        });
        loop.settle();
        EXPECT_FALSE(wake);
        EXPECT_TRUE(stream.socket.waited_for());
        c.cause(stream);
        loop.settle();
        EXPECT_EQ(wake, c.wakes ? std::optional{Wake::ready} : std::nullopt) << int{c.interest};
        EXPECT_EQ(stream.socket.waited_for(), !c.wakes);
        stream.socket.cancel_wait();
        EXPECT_TRUE(wake);
    }
}

TEST(Reactor, WaitForWritableEndsOnceThePeerHasTaken) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    Loop loop;
    Stream stream{loop};
    stream.shrink();
    loop.settle();
    stream.socket.write(test::pattern(100'000));
    bool woken = false;
    spawn([&]() -> Task<> {
        co_await Wait{loop.io.reactor, stream.socket, kWritable, kNever};
        woken = true;
    });
    loop.settle();
    EXPECT_FALSE(woken);
    EXPECT_FALSE(stream.peer.receive().empty());
    loop.settle();
    EXPECT_TRUE(woken);
}

TEST(Reactor, WhatIsReadyAlreadyDoesNotSuspend) {
    Loop loop;
    Stream stream{loop, kWritable};
    bool woken = false;
    spawn([&]() -> Task<> {
        co_await Wait{loop.io.reactor, stream.socket, kReadable | kWritable, kNever};
        woken = true;
    });
    EXPECT_TRUE(woken);
}

TEST(Reactor, TwoSocketsAreWaitedForAtOnce) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    for (bool const second : {false, true}) {
        Loop loop;
        Stream a{loop};
        Stream b{loop};
        loop.settle();
        int wakes = 0;
        spawn([&]() -> Task<> {
            co_await Wait{loop.io.reactor, a.socket, kReadable, &b.socket, kHungUp, kNever};
            ++wakes;
        });
        b.peer.send("not what b is waited for");
        loop.settle();
        EXPECT_EQ(wakes, 0);
        (second ? b : a).peer.finish();
        loop.settle();
        EXPECT_EQ(wakes, 1);
        EXPECT_FALSE(a.socket.waited_for());
        EXPECT_FALSE(b.socket.waited_for());
    }
}

TEST(Reactor, SecondSocketAloneWakesToo) {
    Loop loop;
    Stream a{loop};
    Stream b{loop};
    loop.settle();
    std::string trace;
    spawn([&]() -> Task<> {
        co_await Wait{loop.io.reactor, a.socket, kReadable, &b.socket, kReadable, kNever};
        if (b.socket.ready(kReadable)) trace += "b";
        if (a.socket.ready(kReadable)) trace += "a";
    });
    b.peer.send("x");
    loop.settle();
    EXPECT_EQ(trace, "b");
}

TEST(Reactor, DeadlineEndsAWait) {
    Loop loop;
    Stream stream{loop};
    loop.settle();
    std::vector<Wake> wakes;
    TimePoint const soon = Clock::now() + 5ms;
    TimePoint const later = Clock::now() + 230ms;
    TimePoint woken_at{};
    spawn([&]() -> Task<> {
        wakes.push_back(co_await Wait{loop.io.reactor, stream.socket, kReadable, TimePoint{}});
        wakes.push_back(co_await Wait{loop.io.reactor, stream.socket, kReadable, soon});
        EXPECT_GE(loop.io.reactor.now(), soon);
        wakes.push_back(co_await Wait{loop.io.reactor, stream.socket, 0, later});
        woken_at = loop.io.reactor.now();
    });
    EXPECT_TRUE(loop.run_until([&] { return wakes.size() == 3; }));
    EXPECT_EQ(wakes, std::vector<Wake>(3, Wake::timed_out));
    EXPECT_GE(woken_at, later);
    EXPECT_GE(loop.ticks, 1);
}

TEST(Reactor, EventsBeforeTheDeadlineTakeTheDeadlineAway) {
    Loop loop;
    Stream stream{loop};
    loop.settle();
    Watch waiter;
    waiter.start(loop.io.reactor, stream.socket, kReadable, nullptr, 0, Clock::now() + 3ms);
    stream.peer.send("x");
    loop.settle();
    EXPECT_EQ(waiter.wake, Wake::ready);
    int const ticks = loop.ticks;
    EXPECT_TRUE(loop.run_until([&] { return loop.ticks >= ticks + 2; }));
    EXPECT_EQ(waiter.calls, 1);
}

TEST(Reactor, CancelWakesBothSidesOfAWait) {
    for (bool const first : {true, false}) {
        Loop loop;
        Stream a{loop};
        Stream b{loop};
        loop.settle();
        std::vector<Wake> wakes;
        spawn([&]() -> Task<> {
            wakes.push_back(
                co_await Wait{loop.io.reactor, a.socket, kReadable, &b.socket, kReadable, kNever});
        });
        (first ? a : b).socket.cancel_wait();
        EXPECT_EQ(wakes, std::vector<Wake>{Wake::cancelled});
        a.socket.cancel_wait();
        b.socket.cancel_wait();
        a.peer.send("x");
        loop.settle();
        EXPECT_EQ(wakes.size(), 1U);
    }
}

TEST(Reactor, StoppedWaiterIsNotCalled) {
    Loop loop;
    Stream stream{loop};
    loop.settle();
    Watch waiter;
    watch(loop, waiter, stream, kReadable);
    EXPECT_TRUE(waiter.waiting());
    waiter.stop();
    EXPECT_FALSE(waiter.waiting());
    stream.peer.send("x");
    loop.settle();
    EXPECT_EQ(waiter.calls, 0);
    EXPECT_TRUE(stream.socket.ready(kReadable)) << "the event itself is remembered";
}

TEST(Reactor, ClosingASocketEndsItsWaitWithoutACall) {
    Loop loop;
    Stream a{loop};
    Stream b{loop};
    loop.settle();
    Watch waiter;
    waiter.start(loop.io.reactor, a.socket, kReadable, &b.socket, kReadable, kNever);
    b.socket.close();
    EXPECT_FALSE(waiter.waiting());
    EXPECT_FALSE(a.socket.waited_for());
    a.peer.send("x");
    loop.settle();
    EXPECT_EQ(waiter.calls, 0);
}

TEST(Reactor, SocketClosedByAnotherOfItsBatchGetsNoEvent) {
    // Both have an event in one epoll_wait; whichever is told first closes the other, whose place
    // is then taken by a new socket at the same address.
    Loop loop;
    std::optional<Stream> streams[2];
    streams[0].emplace(loop);
    streams[1].emplace(loop);
    loop.settle();
    std::optional<Watch> watches[2];
    int calls = 0;
    for (int i = 0; i < 2; ++i) {
        watches[i].emplace([&, other = 1 - i] {
            ++calls;
            watches[other].reset();
            streams[other].reset();
            streams[other].emplace(loop, Readiness{0});
        });
        watch(loop, *watches[i], *streams[i], kReadable);
    }
    streams[0]->peer.send("x");
    streams[1]->peer.send("x");
    loop.settle();
    ASSERT_EQ(calls, 1);
    int const closed = watches[0] ? 1 : 0;
    EXPECT_FALSE(streams[closed]->socket.ready(kReadable)) << "an event of the socket before it";
    EXPECT_TRUE(streams[closed]->socket.ready(kWritable));
}

TEST(Reactor, AllOfABatchAreToldBeforeAnyoneGoesOn) {
    if (test::os::is_windows()) GTEST_SKIP() << "two that are told at once may not be one batch";
    Loop loop;
    Stream streams[2]{Stream{loop}, Stream{loop}};
    loop.settle();
    std::vector<bool> other_was_ready;
    Watch first{[&] { other_was_ready.push_back(streams[1].socket.ready(kReadable)); }};
    Watch second{[&] { other_was_ready.push_back(streams[0].socket.ready(kReadable)); }};
    watch(loop, first, streams[0], kReadable);
    watch(loop, second, streams[1], kReadable);
    streams[0].peer.send("x");
    streams[1].peer.send("x");
    loop.settle();
    EXPECT_EQ(other_was_ready, (std::vector<bool>{true, true}));
}

TEST(Reactor, WaiterMayEndItselfWhileItIsCalled) {
    Loop loop;
    Stream stream{loop};
    loop.settle();
    int calls = 0;
    std::unique_ptr<Watch> waiter;
    waiter = std::make_unique<Watch>([&] {
        ++calls;
        stream.socket.close();
        waiter.reset();
    });
    watch(loop, *waiter, stream, kReadable);
    stream.peer.send("x");
    loop.settle();
    EXPECT_EQ(calls, 1);
    EXPECT_FALSE(stream.socket.is_open());
}

TEST(Reactor, ManyMoreSocketsThanABatchHolds) {
    Loop loop;
    constexpr int kCount = 300;  // a batch has 256
    std::vector<std::unique_ptr<Stream>> streams;
    int woken = 0;
    for (int i = 0; i < kCount; ++i)
        streams.push_back(std::make_unique<Stream>(loop));
    loop.settle();
    for (auto& stream : streams) {
        spawn([&loop, &woken, &socket = stream->socket]() -> Task<> {
            co_await Wait{loop.io.reactor, socket, kReadable, kNever};
            ++woken;
        });
        stream->peer.send("x");
    }
    loop.settle();
    EXPECT_EQ(woken, kCount);
}

TEST(Reactor, YieldGivesEveryoneATurn) {
    Loop loop;
    Stream stream{loop};
    std::string trace;
    auto const worker = [&](char name) {
        return [&, name]() -> Task<> {
            for (int i = 0; i < 3; ++i) {
                trace += name;
                co_await YieldTurn{loop.io.reactor};
            }
        };
    };
    spawn(worker('a'));
    spawn(worker('b'));
    spawn(worker('c'));
    EXPECT_EQ(trace, "abc");
    stream.peer.send("x");
    loop.settle();
    EXPECT_EQ(trace, "abcabcabc");
}

TEST(Reactor, ThoseWhoYieldForEverKeepNobodyElseWaiting) {
    if (test::os::is_windows()) GTEST_SKIP() << test::kStreamsOfTcp;
    Loop loop;
    Stream stream{loop};
    Stream other{loop};
    loop.settle();
    bool stop = false;
    bool ended = false;
    int turns = 0;
    bool other_woken = false;
    spawn([&]() -> Task<> {
        co_await Wait{loop.io.reactor, stream.socket, kReadable, kNever};
        while (!stop) {
            if (++turns == 10) other.peer.send("x");
            co_await YieldTurn{loop.io.reactor};
        }
        ended = true;
    });
    spawn([&]() -> Task<> {
        co_await Wait{loop.io.reactor, other.socket, kReadable, kNever};
        other_woken = true;
    });
    stream.peer.send("x");
    boost::asio::post(loop.context, [&] {
        // Behind the reactor's own turn.
        boost::asio::post(loop.context, [&] { stop = true; });
    });
    // Timers too: the tick that ends the loop is theirs.
    int const ticks = loop.ticks;
    EXPECT_TRUE(loop.run_until([&] { return ended && loop.ticks > ticks; }));
    EXPECT_TRUE(other_woken);
    EXPECT_GT(turns, 10);
}

TEST(Reactor, YieldFromPostedWorkIsNotForgotten) {
    Loop loop;
    loop.settle();
    bool resumed = false;
    boost::asio::post(loop.context, [&] {
        spawn([&]() -> Task<> {
            co_await YieldTurn{loop.io.reactor};
            resumed = true;
        });
    });
    int const ticks = loop.ticks;
    EXPECT_TRUE(loop.run_until([&] { return resumed || loop.ticks > ticks + 2; }));
    EXPECT_TRUE(resumed) << "no socket had an event, so nobody looked at those who yield";
}

TEST(Reactor, EndOfAWorkerWhileOthersWaitIsSafe) {
    std::optional<Loop> loop{std::in_place};
    auto stream = std::make_unique<Stream>(*loop);
    loop->settle();
    Watch waiter;
    waiter.start(loop->io.reactor, stream->socket, kReadable, nullptr, 0, Clock::now() + 1h);
    loop->io.reactor.stop();
    loop->context.poll();
    stream.reset();
    loop.reset();
    EXPECT_FALSE(waiter.waiting());
    EXPECT_EQ(waiter.calls, 0);
}
