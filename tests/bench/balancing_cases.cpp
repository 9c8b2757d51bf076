#include "reverse_proxy/balancing/round_robin.hpp"
#include "tests/bench/cases.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <string>

namespace reverse_proxy::bench {

namespace {

struct Balancer {
    explicit Balancer(std::size_t endpoints) {
        balancing::CircuitBreaker::Config config;
        config.eligibility_version = &rotation.eligibility_version;
        balancing::EndpointList list;
        for (std::size_t i = 0; i < endpoints; ++i)
            list.push_back(std::make_shared<balancing::Endpoint>(config, 1U));
        balancer.set_endpoints(list);
    }
    balancing::Rotation rotation;
    balancing::RoundRobin balancer{rotation, false};
    core::TimePoint now{std::chrono::hours{1}};
    std::vector<std::size_t> none_tried;
};

}  // namespace

std::vector<Case> balancing_cases() {
    std::vector<Case> cases;
    for (std::size_t const endpoints : {1U, 10U, 100U, 1000U}) {
        cases.push_back(
            {"pick/" + std::to_string(endpoints), [state = std::make_shared<Balancer>(endpoints)] {
                 auto pick = state->balancer.pick(state->now, state->none_tried);
                 benchmark::DoNotOptimize(pick);
             }});
    }
    return cases;
}

}  // namespace reverse_proxy::bench
