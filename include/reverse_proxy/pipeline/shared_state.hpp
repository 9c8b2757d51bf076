#pragma once

#include "reverse_proxy/admission/in_flight_limit.hpp"
#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/telemetry/transitions.hpp"
#include "reverse_proxy/upstream/retry_budget.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace reverse_proxy::pipeline {

/// Connections to ADMIN_LISTEN at once: probes, scrapers and whoever looks at the status page.
inline constexpr std::size_t kMostAdminConnections = 64;

/// All that workers share, atomics and what is rare, beside those of the endpoints
/// (balancing::Endpoint). Lives longer than all workers.
struct SharedState {
    SharedState(std::size_t max_in_flight, std::size_t max_connections, unsigned budget_percent,
                core::TimePoint now)
        : in_flight{max_in_flight}, connections{max_connections}, budget{budget_percent, now} {}

    admission::InFlightLimit in_flight;    // workers: one place for each request in work
    admission::CountingLimit connections;  // workers: one place for each client connection
    /// Those of ADMIN_LISTEN have places of their own, so that they are answered at
    /// MAX_CONNECTIONS as well.
    admission::CountingLimit admin_connections{kMostAdminConnections};
    upstream::RetryBudget budget;  // workers
    balancing::Rotation rotation;  // workers; the version by the control thread too

    std::atomic<bool> draining{false};  // control: from SIGTERM on
    std::atomic<bool> cutting{false};   // control: the grace has ended
    std::atomic<core::FailureKind> no_address{
        core::FailureKind::dns_error};  // control: name look-ups

    telemetry::Transitions transitions;  // workers: breakers; control: health
};

}  // namespace reverse_proxy::pipeline
