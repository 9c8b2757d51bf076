#include "reverse_proxy/telemetry/traffic_history.hpp"

#include "telemetry/latency_buckets.hpp"
#include "telemetry/shard_state.hpp"

#include <algorithm>
#include <array>
#include <numeric>
#include <span>
#include <utility>

namespace reverse_proxy::telemetry {
namespace {

constexpr unsigned kSwitchingProtocols = 101;

/// The cells of all shards at one moment. 32 bits are enough: only differences over minutes are
/// looked at, and they may wrap.
struct Moment {
    core::TimePoint at;
    std::array<std::uint32_t, kStatusClasses> requests{};
    std::array<std::uint32_t, QuantileBuckets::kCount> latency{};
    std::uint64_t in_flight{0};
};

struct EndpointMoment {
    std::uint32_t attempts{0};
    std::uint32_t failed{0};
    std::uint32_t stale{0};
    std::uint32_t retries{0};
    std::array<std::uint32_t, decltype(kUpstreamBounds)::kBuckets> latency{};
    std::uint64_t latency_sum_ns{0};
};

/// The last `Capacity` of what was pushed; at(0) is the oldest.
template <typename T, std::size_t Capacity> class Ring {
public:
    void push(T const& value) {
        items_[(first_ + size_) % Capacity] = value;
        if (size_ < Capacity)
            ++size_;
        else
            first_ = (first_ + 1) % Capacity;
    }
    void clear() { size_ = 0; }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] T const& at(std::size_t index) const {
        return items_[(first_ + index) % Capacity];
    }
    [[nodiscard]] T const& newest() const { return at(size_ - 1); }

private:
    std::array<T, Capacity> items_{};
    std::size_t first_{0};
    std::size_t size_{0};
};

/// A request of the proxy's own is counted twice, as one of all and as its own, and a sample may
/// fall in between: then the difference is one too low.
std::uint32_t grown(std::uint32_t before, std::uint32_t now) {
    std::uint32_t const difference = now - before;
    return static_cast<std::int32_t>(difference) < 0 ? 0 : difference;
}

template <std::size_t N>
std::array<std::uint32_t, N> grown(std::array<std::uint32_t, N> const& before,
                                   std::array<std::uint32_t, N> const& now) {
    std::array<std::uint32_t, N> difference;
    std::transform(before.begin(), before.end(), now.begin(), difference.begin(),
                   [](std::uint32_t b, std::uint32_t n) { return grown(b, n); });
    return difference;
}

double seconds(core::Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

Traffic between(Moment const& before, Moment const& now) {
    Traffic traffic;
    traffic.seconds = seconds(now.at - before.at);
    auto const by_class = grown(before.requests, now.requests);
    traffic.requests = std::accumulate(by_class.begin(), by_class.end(), std::uint64_t{0});
    traffic.client_errors = by_class[status_class_index(400)];
    traffic.server_errors = by_class[status_class_index(500)];
    auto const latency = grown(before.latency, now.latency);
    traffic.p50 = QuantileBuckets::quantile(latency, 0.5);
    traffic.p90 = QuantileBuckets::quantile(latency, 0.9);
    traffic.p99 = QuantileBuckets::quantile(latency, 0.99);
    return traffic;
}

/// Taken evenly within its bucket; past the last bound that bound is all that is known.
double quantile(std::array<std::uint32_t, decltype(kUpstreamBounds)::kBuckets> const& counts,
                double wanted) {
    auto const total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (total == 0) return kNoTime;
    double const rank = wanted * static_cast<double>(total);
    double below = 0;
    double lower = 0;
    for (std::size_t bucket = 0; bucket + 1 < counts.size(); ++bucket) {
        double const upper = kUpstreamBounds.upper_bound_seconds(bucket);
        if (counts[bucket] != 0 && below + counts[bucket] >= rank)
            return lower + (upper - lower) * (rank - below) / counts[bucket];
        below += counts[bucket];
        lower = upper;
    }
    return lower;
}

EndpointTraffic between(std::string const& label, EndpointMoment const& before,
                        EndpointMoment const& now) {
    EndpointTraffic traffic{.label = label,
                            .attempts = grown(before.attempts, now.attempts),
                            .failed = grown(before.failed, now.failed),
                            .stale = grown(before.stale, now.stale),
                            .retries = grown(before.retries, now.retries)};
    auto const latency = grown(before.latency, now.latency);
    auto const answered = std::accumulate(latency.begin(), latency.end(), std::uint64_t{0});
    if (answered > 0) {
        traffic.mean = static_cast<double>(now.latency_sum_ns - before.latency_sum_ns) /
                       static_cast<double>(answered) / 1e9;
    }
    traffic.p99 = quantile(latency, 0.99);
    return traffic;
}

std::uint32_t low_bits(Cell const& cell) {
    return static_cast<std::uint32_t>(cell.read());
}

bool blamed(AttemptOutcome outcome) {
    return outcome != AttemptOutcome::ok && outcome != AttemptOutcome::stale &&
           outcome != AttemptOutcome::aborted;
}

EndpointMoment read(EndpointView const& endpoint) {
    EndpointMoment moment;
    for (EndpointCells const* const cells : endpoint.cells) {
        for (unsigned i = 0; i < static_cast<unsigned>(AttemptOutcome::count); ++i) {
            std::uint32_t const count = low_bits(cells->attempts[i]);
            moment.attempts += count;
            if (blamed(static_cast<AttemptOutcome>(i))) moment.failed += count;
        }
        moment.stale += low_bits(cells->attempts[static_cast<unsigned>(AttemptOutcome::stale)]);
        for (Cell const& cell : cells->retries)
            moment.retries += low_bits(cell);
        for (std::size_t bucket = 0; bucket < moment.latency.size(); ++bucket)
            moment.latency[bucket] += low_bits(cells->latency_buckets[bucket]);
        moment.latency_sum_ns += cells->latency_sum_ns.read();
    }
    return moment;
}

/// Fewer than before: the endpoint went away and came back under its old label.
bool made_anew(EndpointMoment const& before, EndpointMoment const& now) {
    return static_cast<std::int32_t>(now.attempts - before.attempts) < 0 ||
           now.latency_sum_ns < before.latency_sum_ns;
}

enum class Sign : std::uint8_t { plus, minus };

void add(Moment& moment, Series const& series, unsigned status_class, bool timed, Sign sign) {
    auto const apply = [sign](std::uint32_t& total, std::uint32_t value) {
        sign == Sign::plus ? total += value : total -= value;
    };
    apply(moment.requests[status_class], low_bits(series.count));
    if (!timed) return;
    for (std::size_t bucket = 0; bucket < moment.latency.size(); ++bucket)
        apply(moment.latency[bucket], series.latency[bucket].load(std::memory_order_relaxed));
}

Moment read(std::span<MetricsShard const* const> shards) {
    Moment moment;
    for (MetricsShard const* const shard : shards) {
        auto const& state = shard->state();
        for (LabelSets::Id id = 0; id < LabelSets::kCapacity; ++id) {
            Series const* const series = state.series[id].load(std::memory_order_acquire);
            if (series == nullptr) continue;
            unsigned const status = state.label_sets->at(id)->status;
            add(moment, *series, status_class_index(status), status != kSwitchingProtocols,
                Sign::plus);
        }
        for (unsigned status_class = 0; status_class < kStatusClasses; ++status_class)
            add(moment, state.own[status_class], status_class, true, Sign::minus);
    }
    return moment;
}

}  // namespace

class TrafficHistory::Steps {
public:
    explicit Steps(std::vector<MetricsShard const*> shards) : shards_{std::move(shards)} {}

    void sample(core::TimePoint now, ProcessView const& view) {
        Moment moment = read(shards_);
        moment.at = now;
        moment.in_flight = view.in_flight;
        moments_.push(moment);

        std::vector<Endpoint> current;
        current.reserve(view.endpoints.size());
        for (EndpointView const& shown : view.endpoints)
            current.push_back(continued(shown));
        endpoints_ = std::move(current);
    }

    [[nodiscard]] Report report(core::TimePoint now) const {
        Report report;
        if (moments_.size() == 0) return report;
        for (std::size_t i = 1; i < moments_.size(); ++i) {
            Moment const& moment = moments_.at(i);
            report.points.push_back(
                {seconds(now - moment.at), moment.in_flight, between(moments_.at(i - 1), moment)});
        }
        report.whole = between(moments_.at(0), moments_.newest());
        std::size_t const minute = std::min(moments_.size() - 1, kStepsOfMinute);
        report.last_minute = between(moments_.at(moments_.size() - 1 - minute), moments_.newest());
        for (Endpoint const& endpoint : endpoints_) {
            report.endpoints.push_back(
                between(endpoint.label, endpoint.moments->at(0), endpoint.moments->newest()));
        }
        return report;
    }

private:
    struct Endpoint {
        std::string label;
        std::unique_ptr<Ring<EndpointMoment, kStepsOfMinute + 1>> moments;
    };

    /// An endpoint with its past, where it has one.
    Endpoint continued(EndpointView const& shown) {
        EndpointMoment const moment = read(shown);
        auto const known =
            std::find_if(endpoints_.begin(), endpoints_.end(), [&](Endpoint const& endpoint) {
                return endpoint.moments != nullptr && endpoint.label == shown.label;
            });
        Endpoint endpoint{shown.label, nullptr};
        if (known != endpoints_.end())
            endpoint.moments = std::move(known->moments);
        else
            endpoint.moments = std::make_unique<Ring<EndpointMoment, kStepsOfMinute + 1>>();
        auto& moments = *endpoint.moments;
        if (moments.size() > 0 && made_anew(moments.newest(), moment)) moments.clear();
        // One that is new has begun at nothing, whatever it counted until it was first seen.
        if (moments.size() == 0) moments.push({});
        moments.push(moment);
        return endpoint;
    }

    std::vector<MetricsShard const*> shards_;
    Ring<Moment, kSteps + 1> moments_;
    std::vector<Endpoint> endpoints_;
};

TrafficHistory::TrafficHistory(std::vector<MetricsShard const*> shards)
    : steps_{std::make_unique<Steps>(std::move(shards))} {}

TrafficHistory::~TrafficHistory() = default;

void TrafficHistory::sample(core::TimePoint now, ProcessView const& view) {
    steps_->sample(now, view);
}

TrafficHistory::Report TrafficHistory::report(core::TimePoint now) const {
    return steps_->report(now);
}

}  // namespace reverse_proxy::telemetry
