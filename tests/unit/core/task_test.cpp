#include "reverse_proxy/core/task.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <coroutine>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

using namespace reverse_proxy::core;

namespace {

/// Suspends whoever awaits it until resume().
class Gate {
public:
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiting) { waiting_ = waiting; }
    void await_resume() const {}
    void resume() { std::exchange(waiting_, {}).resume(); }
    [[nodiscard]] bool closed() const { return static_cast<bool>(waiting_); }

private:
    std::coroutine_handle<> waiting_;
};

template <typename Body> Detached spawn(Body body) {
    co_await body();
}

/// Of the real stack: AddressSanitizer may keep locals elsewhere.
[[gnu::noinline]] std::uintptr_t stack_position() {
    return reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
}

Task<int> number(int n) {
    co_return n;
}

Task<int> number_after(Gate& gate, int n) {
    co_await gate;
    co_return n;
}

Task<> nothing() {
    co_return;
}

Task<> inner(Gate& gate, std::string& trace) {
    trace += "a";
    co_await gate;
    trace += "b";
    co_await gate;
    trace += "c";
}

Task<> middle(Gate& gate, std::string& trace) {
    co_await inner(gate, trace);
    trace += "d";
}

Task<> outer(Gate& gate, std::string& trace) {
    co_await middle(gate, trace);
    trace += "e";
}

}  // namespace

TEST(Task, RunsWhenAwaitedAndNotBefore) {
    bool started = false;
    auto const body = [&]() -> Task<> {
        started = true;
        co_return;
    };
    {
        Task<> never_awaited = body();
        EXPECT_FALSE(started);
    }
    EXPECT_FALSE(started);
    spawn(body);
    EXPECT_TRUE(started);
}

TEST(Task, GivesItsValueWithAndWithoutWaiting) {
    Gate gate;
    std::vector<int> values;
    spawn([&]() -> Task<> {
        values.push_back(co_await number(1));
        values.push_back(co_await number_after(gate, 2));
        values.push_back(co_await number(3));
    });
    EXPECT_EQ(values, std::vector<int>{1});
    gate.resume();
    EXPECT_EQ(values, (std::vector<int>{1, 2, 3}));
}

TEST(Task, ValueNeedsNeitherCopyNorDefault) {
    struct Once {
        explicit Once(int n) : held{std::make_unique<int>(n)} {}
        std::unique_ptr<int> held;
    };
    int seen = 0;
    auto const make = []() -> Task<Once> { co_return Once{7}; };
    spawn([&]() -> Task<> {
        Once const got = co_await make();
        seen = *got.held;
    });
    EXPECT_EQ(seen, 7);
}

TEST(TaskDeathTest, ExceptionEndsTheProcess) {
#if defined(_WIN32)
    GTEST_SKIP() << "a process that ends this way may ask the debugger first";
#else
    auto const failing = []() -> Task<int> {
        throw std::runtime_error{"at once"};
        co_return 0;
    };
    EXPECT_DEATH(spawn([&]() -> Task<> { co_await failing(); }), "at once");
#endif
}

TEST(Task, LoopOverTasksThatDoNotWaitKeepsTheStack) {
    constexpr int kRounds = 100'000;
    std::int64_t sum = 0;
    std::uintptr_t lowest = UINTPTR_MAX;
    std::uintptr_t highest = 0;
    auto const probe = [&](int n) -> Task<int> {
        std::uintptr_t const here = stack_position();
        lowest = std::min(lowest, here);
        highest = std::max(highest, here);
        co_return n;
    };
    spawn([&]() -> Task<> {
        for (int i = 0; i < kRounds; ++i) {
            sum += co_await probe(i);
            co_await nothing();
        }
    });
    EXPECT_EQ(sum, std::int64_t{kRounds} * (kRounds - 1) / 2);
    EXPECT_EQ(lowest, highest);
}

TEST(Task, LoopOverTasksThatWaitKeepsTheStack) {
    Gate gate;
    constexpr int kRounds = 10'000;
    int done = 0;
    std::uintptr_t first = 0;
    std::uintptr_t last = 0;
    spawn([&]() -> Task<> {
        while (done < kRounds) {
            done += co_await number_after(gate, 1);
            last = stack_position();
            if (done == 1) first = last;
        }
    });
    while (gate.closed())
        gate.resume();
    EXPECT_EQ(done, kRounds);
    EXPECT_EQ(first, last);
}

TEST(Task, NestedTasksAreResumedFromTheInnermostOutwards) {
    Gate gate;
    std::string trace;
    spawn([&]() -> Task<> { co_await outer(gate, trace); });
    EXPECT_EQ(trace, "a");
    gate.resume();
    EXPECT_EQ(trace, "ab");
    gate.resume();
    EXPECT_EQ(trace, "abcde");
    EXPECT_FALSE(gate.closed());
}

TEST(Task, WhatATaskHoldsDiesWithIt) {
    auto held = std::make_shared<int>(1);
    std::weak_ptr<int> const watch = held;
    auto const body = [](std::shared_ptr<int> owned) -> Task<int> { co_return *owned; };
    {
        Task<int> task = body(std::move(held));
        EXPECT_FALSE(watch.expired());
        Task<int> const moved = std::move(task);
        EXPECT_FALSE(watch.expired());
    }
    EXPECT_TRUE(watch.expired());
}
