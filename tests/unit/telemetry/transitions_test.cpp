#include "reverse_proxy/telemetry/transitions.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::telemetry;

namespace {

Transition numbered(std::size_t number) {
    return {Transition::Of::breaker, "10.0.0.1:80", "closed", "open", std::to_string(number)};
}

}  // namespace

TEST(Transitions, TheLatestComesFirst) {
    Transitions transitions;
    EXPECT_TRUE(transitions.latest().empty());
    auto const before = std::chrono::system_clock::now();
    transitions.report(LogLevel::info, numbered(1));
    transitions.report(LogLevel::info, {Transition::Of::health, "10.0.0.2:80", "healthy",
                                        "unhealthy", "connect: refused"});
    auto const list = transitions.latest();
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0].transition.of, Transition::Of::health);
    EXPECT_EQ(list[0].transition.endpoint, "10.0.0.2:80");
    EXPECT_EQ(list[0].transition.from, "healthy");
    EXPECT_EQ(list[0].transition.to, "unhealthy");
    EXPECT_EQ(list[0].transition.why, "connect: refused");
    EXPECT_EQ(list[1].transition.why, "1");
    EXPECT_LE(before, list[1].at);
    EXPECT_LE(list[1].at, list[0].at);
}

TEST(Transitions, NoMoreAreKeptThanFit) {
    Transitions transitions;
    constexpr std::size_t kReported = 2 * Transitions::kKept + 3;
    for (std::size_t i = 0; i < kReported; ++i)
        transitions.report(LogLevel::info, numbered(i));
    auto const list = transitions.latest();
    ASSERT_EQ(list.size(), Transitions::kKept);
    for (std::size_t age = 0; age < list.size(); ++age)
        EXPECT_EQ(list[age].transition.why, std::to_string(kReported - 1 - age));
}
