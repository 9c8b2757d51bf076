#include "reverse_proxy/balancing/endpoint_health.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

using reverse_proxy::balancing::EndpointHealth;

// Probes: + succeeded, - failed. States afterwards: H healthy, U unhealthy.
struct Case {
    unsigned healthy_threshold;
    unsigned unhealthy_threshold;
    std::string probes;
    std::string states;
};

class EndpointHealthCases : public testing::TestWithParam<Case> {};

TEST_P(EndpointHealthCases, TurnAtTheirThresholds) {
    auto const& [healthy, unhealthy, probes, states] = GetParam();
    EndpointHealth health{healthy, unhealthy};
    EXPECT_TRUE(health.healthy());
    bool before = true;
    std::string seen;
    for (char const probe : probes) {
        bool const changed = health.record(probe == '+');
        EXPECT_EQ(changed, health.healthy() != before);
        before = health.healthy();
        seen += before ? 'H' : 'U';
    }
    EXPECT_EQ(seen, states);
}

INSTANTIATE_TEST_SUITE_P(All, EndpointHealthCases,
                         testing::Values(Case{2, 2, "++++", "HHHH"}, Case{2, 2, "-+-+", "HHHH"},
                                         Case{2, 2, "--", "HU"}, Case{2, 2, "--+-++", "HUUUUH"},
                                         Case{3, 2, "--++-+++", "HUUUUUUH"},
                                         Case{1, 1, "-+-+", "UHUH"}, Case{2, 3, "--+---", "HHHHHU"},
                                         Case{2, 2, "---++--", "HUUUHHU"}));

}  // namespace
