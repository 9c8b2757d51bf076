#pragma once

#include "reverse_proxy/telemetry/metrics_exporter.hpp"
#include "reverse_proxy/telemetry/traffic_history.hpp"
#include "reverse_proxy/telemetry/transitions.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace reverse_proxy::admin {

/// What the status page shows, at one moment.
struct StatusReport {
    std::chrono::system_clock::time_point now;
    std::chrono::duration<double> uptime{0};
    telemetry::ProcessView process;
    telemetry::TrafficHistory::Report traffic;
    std::vector<telemetry::Transitions::Dated> transitions;
};

/// Content of GET /status.json. docs/status.md tells each key, and a test compares the two.
std::string status_json(StatusReport const& report);

}  // namespace reverse_proxy::admin
