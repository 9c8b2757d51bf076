#include "telemetry/metrics.hpp"

#include <algorithm>

namespace reverse_proxy::telemetry {
namespace {

using enum MetricKind;
using Id = MetricId;

constexpr std::array<Metric, kMetricCount> kMetrics{{
    {Id::requests,
     counter,
     "requests_total",
     {"method", "path", "status", "status_class"},
     "Finished requests. A share of 5xx that rises is the first thing to look at; 499 means that "
     "the client left."},
    {Id::request_latency,
     summary,
     "request_latency_seconds",
     {"method", "path", "status", "status_class"},
     "Time from a request's first byte to its response's last. Quantiles are of the last one to "
     "two minutes; sum and count are of all time."},
    {Id::request_duration,
     histogram,
     "reverse_proxy_request_duration_seconds",
     {"status_class"},
     "The same time as a histogram, which can be added up over instances; alert on this one."},
    {Id::stage_duration,
     histogram,
     "reverse_proxy_stage_duration_seconds",
     {"stage"},
     "Time spent in each stage. Stage upstream alone slow: the origin is; stage response alone "
     "slow: clients read slowly."},
    {Id::in_flight_requests,
     gauge,
     "reverse_proxy_in_flight_requests",
     {},
     "Requests in work now, from the head until the last byte of the response."},
    {Id::in_flight_limit,
     gauge,
     "reverse_proxy_in_flight_limit",
     {},
     "Setting MAX_IN_FLIGHT. Requests in flight close to it: refusals with 503 are near."},
    {Id::client_connections,
     gauge,
     "reverse_proxy_client_connections",
     {},
     "Client connections open now, idle ones and those of ADMIN_LISTEN included. At "
     "MAX_CONNECTIONS accepting pauses."},
    {Id::bytes,
     counter,
     "reverse_proxy_bytes_total",
     {"direction"},
     "Content bytes received from clients (in) and sent to them (out), heads not counted."},
    {Id::failures,
     counter,
     "reverse_proxy_failures_total",
     {"error"},
     "Requests that ended without the origin's whole answer, by RFC 9209 error type. "
     "connection_refused rising: the origin is down."},
    {Id::rejected_requests,
     counter,
     "reverse_proxy_rejected_requests_total",
     {"reason"},
     "Requests refused before any endpoint was tried. in_flight rising: overload; no_endpoint: "
     "every endpoint is unhealthy or its breaker is open."},
    {Id::label_overflow,
     counter,
     "reverse_proxy_label_overflow_total",
     {},
     "Requests counted under path=\"other\" because 512 label sets exist already or the path makes "
     "no readable label. Rising: paths hold identifiers that were not recognised."},
    {Id::attempts,
     counter,
     "reverse_proxy_attempts_total",
     {"upstream", "outcome"},
     "Attempts at endpoints. Outcome connect_failed rising alone: the origin is down or "
     "unreachable."},
    {Id::retries,
     counter,
     "reverse_proxy_retries_total",
     {"upstream", "reason"},
     "Retries, by the endpoint whose attempt had failed and why. Rising with a flat error rate: "
     "retries are hiding a sick endpoint."},
    {Id::retry_budget_exhausted,
     counter,
     "reverse_proxy_retry_budget_exhausted_total",
     {},
     "Retries that were not made because the budget was empty. Rising: so much fails that retries "
     "would make it worse."},
    {Id::upstream_latency,
     histogram,
     "reverse_proxy_upstream_latency_seconds",
     {"upstream"},
     "Time from an attempt's start to the head of its response. One endpoint apart from the "
     "others: look at that one."},
    {Id::upstream_healthy,
     gauge,
     "reverse_proxy_upstream_healthy",
     {"upstream"},
     "1 while health probes find the endpoint healthy or nothing probes it, 0 while it is out."},
    {Id::upstream_breaker_state,
     gauge,
     "reverse_proxy_upstream_breaker_state",
     {"upstream"},
     "Circuit breaker of the endpoint: 0 closed, 1 half-open (one request probes), 2 open (no "
     "requests)."},
    {Id::breaker_transitions,
     counter,
     "reverse_proxy_breaker_transitions_total",
     {"upstream", "to"},
     "Changes of a breaker's state. open rising again and again: the endpoint comes back and fails "
     "under load."},
    {Id::fail_open,
     gauge,
     "reverse_proxy_fail_open",
     {},
     "1 while every endpoint is unhealthy and requests are routed to all of them nevertheless "
     "(setting FAIL_OPEN)."},
    {Id::upstream_connections,
     gauge,
     "reverse_proxy_upstream_connections",
     {"upstream", "state"},
     "Connections to the endpoint: active ones carry a request, idle ones wait in the pool."},
    {Id::upstream_connections_opened,
     counter,
     "reverse_proxy_upstream_connections_opened_total",
     {},
     "Connections opened to endpoints. As fast as requests: the origin does not keep connections "
     "alive."},
    {Id::stale_connections,
     counter,
     "reverse_proxy_stale_connections_total",
     {"upstream"},
     "Pooled connections that the origin had closed before they were used again. Rising: lower "
     "UPSTREAM_IDLE_TIMEOUT_MS below the origin's keep-alive time."},
    {Id::health_probes,
     counter,
     "reverse_proxy_health_probes_total",
     {"upstream", "outcome"},
     "Health probes, by outcome."},
    {Id::draining,
     gauge,
     "reverse_proxy_draining",
     {},
     "1 from SIGTERM on. Still 1 after minutes: a long response or tunnel holds the process."},
    {Id::log_lines_dropped,
     counter,
     "reverse_proxy_log_lines_dropped_total",
     {},
     "Log lines lost because the queue was full. Rising: whoever reads standard output is too "
     "slow."},
    {Id::trace_spans,
     counter,
     "reverse_proxy_trace_spans_total",
     {"outcome"},
     "Spans of sampled requests (setting OTLP_ENDPOINT). failed rising: the collector is down or "
     "refuses them; dropped rising: it is slower than requests come, lower TRACE_SAMPLE_PERCENT."},
    {Id::build_info,
     gauge,
     "reverse_proxy_build_info",
     {"version"},
     "Always 1; the version is in the label."},
    {Id::process_cpu,
     counter,
     "process_cpu_seconds_total",
     {},
     "Processor time used, user and system together."},
    {Id::process_resident_memory,
     gauge,
     "process_resident_memory_bytes",
     {},
     "Resident memory. It does not grow with the size of bodies; steady growth is a leak."},
    {Id::process_virtual_memory, gauge, "process_virtual_memory_bytes", {}, "Virtual memory."},
    {Id::process_open_fds,
     gauge,
     "process_open_fds",
     {},
     "Open file descriptors. At process_max_fds connections fail."},
    {Id::process_max_fds, gauge, "process_max_fds", {}, "Limit of open file descriptors."},
    {Id::process_start_time,
     gauge,
     "process_start_time_seconds",
     {},
     "When the process began, in seconds since 1970. A change means a restart."},
}};

constexpr bool in_order() {
    for (unsigned i = 0; i < kMetricCount; ++i)
        if (kMetrics[i].id != static_cast<MetricId>(i)) return false;
    return true;
}
static_assert(in_order(), "metric() looks up by position");

}  // namespace

std::span<std::string_view const> Metric::label_names() const {
    auto const end = std::find(labels.begin(), labels.end(), std::string_view{});
    return {labels.begin(), static_cast<std::size_t>(end - labels.begin())};
}

std::array<Metric, kMetricCount> const& metrics() {
    return kMetrics;
}

Metric const& metric(MetricId id) {
    return kMetrics[static_cast<unsigned>(id)];
}

std::string_view name_of(MetricKind kind) {
    switch (kind) {
    case counter:
        return "counter";
    case gauge:
        return "gauge";
    case histogram:
        return "histogram";
    case summary:
        break;
    }
    return "summary";
}

}  // namespace reverse_proxy::telemetry
