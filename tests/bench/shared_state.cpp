#include "reverse_proxy/admission/in_flight_limit.hpp"
#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/upstream/retry_budget.hpp"
#include "tests/bench/cases.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <vector>

namespace reverse_proxy::bench {

namespace {

/// What the workers of one daemon share and touch with each request.
struct Shared {
    Shared() {
        balancing::CircuitBreaker::Config config;
        config.eligibility_version = &rotation.eligibility_version;
        for (int i = 0; i < 4; ++i)
            endpoints.push_back(std::make_shared<balancing::Endpoint>(config, 1U));
    }

    core::TimePoint now{std::chrono::hours{1}};
    admission::InFlightLimit in_flight{1024};
    balancing::Rotation rotation;
    balancing::EndpointList endpoints;
    upstream::RetryBudget budget{20, now};
};

void one_request_each(benchmark::State& state) {
    static Shared shared;
    balancing::RoundRobin balancer{shared.rotation, false};
    balancer.set_endpoints(shared.endpoints);
    std::vector<std::size_t> const none_tried;
    for ([[maybe_unused]] auto iteration : state) {
        auto permit = shared.in_flight.try_acquire();
        shared.budget.request_started();
        auto const pick = balancer.pick(shared.now, none_tried);
        shared.endpoints[pick->index]->breaker.succeeded(pick->ticket);
        permit->release();
    }
}

}  // namespace

void register_shared_state() {
    for (int const workers : {1, 2, 8})
        benchmark::RegisterBenchmark("shared_state", one_request_each)->Threads(workers);
}

}  // namespace reverse_proxy::bench
