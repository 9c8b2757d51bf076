#pragma once

// From the workers' cells to the text that Prometheus scrapes; GET /metrics answers with it.

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"
#include "reverse_proxy/telemetry/span.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace reverse_proxy::telemetry {

/// One endpoint as the exporter sees it.
struct EndpointView {
    std::string label;                        // label `upstream`; no two endpoints share one
    std::vector<EndpointCells const*> cells;  // one for each worker
    bool healthy{true};
    unsigned breaker_state{0};          // 0 closed, 1 half-open, 2 open
    std::uint64_t transitions_to[3]{};  // by breaker_state
    std::uint64_t probes_ok{0};
    std::uint64_t probes_failed{0};
    bool eligible{true};
};

/// What the process as a whole shows at this moment.
struct ProcessView {
    std::uint64_t in_flight{0};
    std::uint64_t in_flight_limit{0};
    bool draining{false};
    bool fail_open{false};
    SpanCounts spans;
    std::vector<EndpointView> endpoints;
};

/// Sums the shards and renders the Prometheus text format 0.0.4 (through a prometheus::Collectable
/// and prometheus::TextSerializer). Used by the control thread alone.
///
/// The quantiles of request_latency_seconds are of a sliding window: a minute's end is remembered
/// (by render, or by rotate where nobody scrapes), and the quantiles are of what was counted since
/// the minute before it, so of the last one to two minutes. Where an interval between two calls is
/// longer than a minute, so is the window.
class MetricsExporter {
public:
    /// @param shards  of all workers, all with the same LabelSets; they outlive the exporter
    /// @param view    asked once for each render, on the calling thread
    MetricsExporter(std::vector<MetricsShard const*> shards, std::function<ProcessView()> view);
    ~MetricsExporter();
    MetricsExporter(MetricsExporter const&) = delete;
    MetricsExporter& operator=(MetricsExporter const&) = delete;

    /// Content type `text/plain; version=0.0.4`.
    [[nodiscard]] std::string render(core::TimePoint now);
    /// Ends the minute where it is over. Cheap where it is not; render does the same.
    void rotate(core::TimePoint now);

private:
    class Collector;
    std::unique_ptr<Collector> collector_;
};

}  // namespace reverse_proxy::telemetry
