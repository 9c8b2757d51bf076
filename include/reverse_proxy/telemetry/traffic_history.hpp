#pragma once

// The last minutes' traffic, for the status page: made from the workers' cells by whoever ticks, so
// that a request costs nothing for it.

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/telemetry/metrics_exporter.hpp"
#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace reverse_proxy::telemetry {

/// Where nothing was timed.
inline constexpr double kNoTime = std::numeric_limits<double>::quiet_NaN();

/// What clients were answered in some span of time. The proxy's own endpoints do not count.
struct Traffic {
    double seconds{0};  // length of the span
    std::uint64_t requests{0};
    std::uint64_t client_errors{0};  // 4xx
    std::uint64_t server_errors{0};  // 5xx
    // Seconds from a head's first byte to the response's last. The time of a tunnel is no wait and
    // does not count.
    double p50{kNoTime};
    double p90{kNoTime};
    double p99{kNoTime};
};

/// Attempts at one endpoint in some span of time.
struct EndpointTraffic {
    std::string label;
    std::uint64_t attempts{0};
    std::uint64_t failed{0};  // whatever the endpoint was blamed for
    std::uint64_t stale{0};   // on a pooled connection that the origin had closed
    std::uint64_t retries{0};
    // Seconds until a response's head; p99 is interpolated within a bucket of
    // upstream_latency_seconds, as Prometheus does.
    double mean{kNoTime};
    double p99{kNoTime};
};

/// Remembers what the cells were at each of the last kSteps moments; all else are differences.
/// Fixed memory: 0.2 MB, and 3 KB an endpoint. Used by the control thread alone.
class TrafficHistory {
public:
    static constexpr core::Duration kStep = std::chrono::seconds{2};
    static constexpr std::size_t kSteps = 150;  // five minutes
    static constexpr std::size_t kStepsOfMinute = 30;

    struct Point {
        double seconds_ago{0};  // when its span ended
        std::uint64_t in_flight{0};
        Traffic traffic;
    };
    struct Report {
        std::vector<Point> points;  // the oldest first, one for each step
        Traffic whole;              // of all points together
        Traffic last_minute;
        std::vector<EndpointTraffic> endpoints;  // in the last minute, in the order of the view
    };

    /// @param shards  of all workers, all with the same LabelSets; they outlive the history
    explicit TrafficHistory(std::vector<MetricsShard const*> shards);
    ~TrafficHistory();
    TrafficHistory(TrafficHistory const&) = delete;
    TrafficHistory& operator=(TrafficHistory const&) = delete;

    /// To be called every kStep or so; a step's length is what the clock says, not kStep. The first
    /// call is where counting begins.
    ///
    /// It reads each label set's buckets in each shard, about 0.1 µs per set and worker.
    void sample(core::TimePoint now, ProcessView const& view);
    [[nodiscard]] Report report(core::TimePoint now) const;

private:
    class Steps;
    std::unique_ptr<Steps> steps_;
};

}  // namespace reverse_proxy::telemetry
