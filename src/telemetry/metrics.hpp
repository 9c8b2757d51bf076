#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace reverse_proxy::telemetry {

enum class MetricKind : std::uint8_t { counter, gauge, histogram, summary };

/// The metrics in the order in which they are exported and documented.
enum class MetricId : std::uint8_t {
    requests,
    request_latency,
    request_duration,
    stage_duration,
    in_flight_requests,
    in_flight_limit,
    client_connections,
    bytes,
    failures,
    rejected_requests,
    label_overflow,
    attempts,
    retries,
    retry_budget_exhausted,
    upstream_latency,
    upstream_healthy,
    upstream_breaker_state,
    breaker_transitions,
    fail_open,
    upstream_connections,
    upstream_connections_opened,
    stale_connections,
    health_probes,
    draining,
    log_lines_dropped,
    trace_spans,
    build_info,
    process_cpu,
    process_resident_memory,
    process_virtual_memory,
    process_open_fds,
    process_max_fds,
    process_start_time,
    count
};
inline constexpr unsigned kMetricCount = static_cast<unsigned>(MetricId::count);

/// One row of the table that drives the exporter and docs/metrics.md.
struct Metric {
    MetricId id;
    MetricKind kind;
    std::string_view name;
    std::array<std::string_view, 4> labels;  // unused places at the end are empty
    std::string_view help;                   // a sentence for the person on call

    [[nodiscard]] std::span<std::string_view const> label_names() const;
};

std::array<Metric, kMetricCount> const& metrics();
Metric const& metric(MetricId id);
std::string_view name_of(MetricKind kind);

}  // namespace reverse_proxy::telemetry
