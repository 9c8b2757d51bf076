#include "tests/unit/upstream/simulation.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

namespace {

using reverse_proxy::upstream::Simulation;

std::uint64_t number_of(char const* variable, std::uint64_t otherwise) {
    char const* const text = std::getenv(variable);
    return text != nullptr ? std::stoull(text) : otherwise;
}

std::string told(Simulation const& simulation) {
    std::string text;
    for (auto const& violation : simulation.violations())
        text += "\n  " + violation;
    return text;
}

// SIMULATION_SEED=n runs that schedule alone; SIMULATION_SCHEDULES=n that many, from seed 1 on.
TEST(Simulation, KeepsThePromisesUnderThousandsOfFailureSchedules) {
    std::uint64_t const first = number_of("SIMULATION_SEED", 1);
    std::uint64_t const count =
        std::getenv("SIMULATION_SEED") != nullptr ? 1 : number_of("SIMULATION_SCHEDULES", 2000);
    Simulation::Tally sum;
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        Simulation simulation{seed};
        simulation.run();
        ASSERT_TRUE(simulation.violations().empty())
            << "SIMULATION_SEED=" << seed << " replays this:" << told(simulation);
        auto const& tally = simulation.tally();
        sum.requests += tally.requests;
        sum.retries += tally.retries;
        sum.stale += tally.stale;
        sum.refused += tally.refused;
        sum.answers_kept += tally.answers_kept;
        sum.sent_elsewhere += tally.sent_elsewhere;
        sum.budget_exhausted += tally.budget_exhausted;
        sum.breaker_openings += tally.breaker_openings;
        sum.health_changes += tally.health_changes;
    }
    if (count < 100) return;
    // Schedules that reach nothing would prove nothing.
    EXPECT_GT(sum.requests, 100 * count);
    EXPECT_GT(sum.retries, count);
    EXPECT_GT(sum.stale, count / 10);
    EXPECT_GT(sum.refused, count / 10);
    EXPECT_GT(sum.answers_kept, count / 100);
    EXPECT_GT(sum.sent_elsewhere, count / 50);
    EXPECT_GT(sum.budget_exhausted, count / 10);
    EXPECT_GT(sum.breaker_openings, count);
    EXPECT_GT(sum.health_changes, count / 10);
}

TEST(Simulation, TheSameSeedDoesTheSame) {
    Simulation one{7};
    Simulation other{7};
    one.run();
    other.run();
    EXPECT_EQ(one.tally().requests, other.tally().requests);
    EXPECT_EQ(one.tally().retries, other.tally().retries);
    EXPECT_EQ(one.tally().breaker_openings, other.tally().breaker_openings);
    EXPECT_GT(one.tally().requests, 0U);
}

}  // namespace
