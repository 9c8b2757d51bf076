#include "reverse_proxy/telemetry/metrics_exporter.hpp"

#include "reverse_proxy/http/failure_status.hpp"
#include "reverse_proxy/telemetry/log.hpp"
#include "telemetry/label_values.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/process_metrics.hpp"
#include "telemetry/quantile_window.hpp"
#include "telemetry/shard_state.hpp"

#include <prometheus/collectable.h>
#include <prometheus/text_serializer.h>

#include <cassert>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <utility>

namespace reverse_proxy::telemetry {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using Shards = std::vector<MetricsShard const*>;
using State = MetricsShard::State;

prometheus::MetricType type_of(MetricKind kind) {
    switch (kind) {
    case MetricKind::counter:
        return prometheus::MetricType::Counter;
    case MetricKind::gauge:
        return prometheus::MetricType::Gauge;
    case MetricKind::histogram:
        return prometheus::MetricType::Histogram;
    case MetricKind::summary:
        break;
    }
    return prometheus::MetricType::Summary;
}

/// One family under construction; label names come from the table, so that only values are given
/// here.
class Family {
public:
    explicit Family(MetricId id) : metric_{metric(id)} {
        family_.name = metric_.name;
        family_.help = metric_.help;
        family_.type = type_of(metric_.kind);
    }

    ClientMetric& add(std::initializer_list<std::string_view> label_values) {
        auto const names = metric_.label_names();
        assert(names.size() == label_values.size());
        ClientMetric& added = family_.metric.emplace_back();
        auto name = names.begin();
        for (std::string_view const value : label_values)
            added.label.push_back({std::string{*name++}, std::string{value}});
        return added;
    }
    void add(std::initializer_list<std::string_view> label_values, double value) {
        ClientMetric& added = add(label_values);
        if (metric_.kind == MetricKind::counter) {
            added.counter.value = value;
        } else {
            added.gauge.value = value;
        }
    }
    void add(std::initializer_list<std::string_view> label_values, std::uint64_t value) {
        add(label_values, static_cast<double>(value));
    }
    MetricFamily take() { return std::move(family_); }

private:
    Metric const& metric_;
    MetricFamily family_;
};

double seconds(std::uint64_t nanoseconds) {
    return static_cast<double>(nanoseconds) / 1e9;
}

/// Adds up a cell over the shards; `read` picks it, a pointer to member or a function.
template <typename Read> std::uint64_t sum(Shards const& shards, Read read) {
    std::uint64_t total = 0;
    for (MetricsShard const* const shard : shards)
        total += std::invoke(read, shard->state()).read();
    return total;
}

/// Adds up an endpoint's cell over the workers.
template <typename Read> std::uint64_t sum(EndpointView const& endpoint, Read read) {
    std::uint64_t total = 0;
    for (EndpointCells const* const cells : endpoint.cells)
        total += std::invoke(read, *cells).read();
    return total;
}

template <typename Bounds, typename BucketSum>
void fill_histogram(ClientMetric& metric, Bounds const& bounds, BucketSum bucket_sum,
                    std::uint64_t sum_ns) {
    std::uint64_t cumulative = 0;
    for (std::size_t bucket = 0; bucket < Bounds::kBuckets; ++bucket) {
        cumulative += bucket_sum(bucket);
        bool const last = bucket + 1 == Bounds::kBuckets;
        double const bound =
            last ? std::numeric_limits<double>::infinity() : bounds.upper_bound_seconds(bucket);
        metric.histogram.bucket.push_back({cumulative, bound});
    }
    metric.histogram.sample_count = cumulative;
    metric.histogram.sample_sum = seconds(sum_ns);
}

/// A histogram that each shard keeps; `read` picks it from a shard's state.
template <typename Read>
void fill_histogram(ClientMetric& metric, Shards const& shards, Read read) {
    fill_histogram(
        metric, kDurationBounds,
        [&](std::size_t bucket) {
            return sum(shards, [&](auto const& state) -> Cell const& {
                return read(state).buckets[bucket];
            });
        },
        sum(shards, [&](auto const& state) -> Cell const& { return read(state).sum_ns; }));
}

/// One number for each value of a closed label, kept in an array of cells in each shard.
template <typename Values, typename Read>
MetricFamily by_label(MetricId id, Values const& values, Shards const& shards, Read read) {
    Family family{id};
    for (std::size_t i = 0; i < values.size(); ++i)
        family.add({values[i]}, sum(shards, [&](auto const& state) -> Cell const& {
                       return std::invoke(read, state)[i];
                   }));
    return family.take();
}

/// The same for each endpoint.
template <typename Values, typename Read>
MetricFamily by_endpoint_and_label(MetricId id, Values const& values,
                                   std::vector<EndpointView> const& endpoints, Read read) {
    Family family{id};
    for (EndpointView const& endpoint : endpoints) {
        for (std::size_t i = 0; i < values.size(); ++i)
            family.add({endpoint.label, values[i]},
                       sum(endpoint, [&](auto const& cells) -> Cell const& {
                           return std::invoke(read, cells)[i];
                       }));
    }
    return family.take();
}

MetricFamily single(MetricId id, double value) {
    Family family{id};
    family.add({}, value);
    return family.take();
}

MetricFamily single(MetricId id, std::uint64_t value) {
    return single(id, static_cast<double>(value));
}

/// Keeps a sum over endpoints from falling when one of them goes away (its name resolves to other
/// addresses now): Prometheus would take that for a restart.
class LastingSum {
public:
    std::uint64_t update(std::map<std::string, std::uint64_t> now) {
        std::uint64_t total = 0;
        for (auto const& [label, before] : last_) {
            auto const found = now.find(label);
            // Fewer than before: the endpoint was made anew under its old label.
            if (found == now.end() || found->second < before) gone_ += before;
        }
        for (auto const& [label, value] : now)
            total += value;
        last_ = std::move(now);
        return gone_ + total;
    }

private:
    std::map<std::string, std::uint64_t> last_;
    std::uint64_t gone_{0};
};

}  // namespace

class MetricsExporter::Collector final : public prometheus::Collectable {
public:
    Collector(Shards shards, std::function<ProcessView()> view)
        : shards_{std::move(shards)}, view_{std::move(view)} {}

    std::vector<MetricFamily> Collect() const override {
        std::vector<MetricFamily> families;
        families.reserve(kMetricCount);
        ProcessView const view = view_();
        add_requests(families);
        add_durations(families);
        add_load(families, view);
        add_failures(families);
        add_attempts(families, view.endpoints);
        add_endpoint_states(families, view);
        add_connections(families, view.endpoints);
        add_process(families, view);
        return families;
    }
    void rotate(core::TimePoint now) { window_.rotate(shards_, now); }

private:
    using Families = std::vector<MetricFamily>;

    void add_requests(Families& families) const;
    void add_durations(Families& families) const;
    void add_load(Families& families, ProcessView const& view) const;
    void add_failures(Families& families) const;
    void add_attempts(Families& families, std::vector<EndpointView> const& endpoints) const;
    static void add_endpoint_states(Families& families, ProcessView const& view);
    void add_connections(Families& families, std::vector<EndpointView> const& endpoints) const;
    void add_process(Families& families, ProcessView const& view) const;

    Shards const shards_;
    std::function<ProcessView()> const view_;
    double const started_ =
        std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    QuantileWindow window_;
    mutable LastingSum connections_opened_;  // Collect is const by prometheus::Collectable
};

void MetricsExporter::Collector::add_requests(Families& families) const {
    Family requests{MetricId::requests};
    Family latency{MetricId::request_latency};
    for (LabelSets::Id id = 0; id < LabelSets::kCapacity && !shards_.empty(); ++id) {
        LabelSet const* const set = shards_.front()->state().label_sets->at(id);
        if (set == nullptr) continue;
        std::uint64_t count = 0;
        std::uint64_t sum_ns = 0;
        for (MetricsShard const* const shard : shards_) {
            Series const* const series = shard->state().series[id].load(std::memory_order_acquire);
            if (series == nullptr) continue;
            count += series->count.read();
            sum_ns += series->sum_ns.read();
        }
        std::string const status = std::to_string(set->status);
        auto const labels = {http::label_of(set->method), std::string_view{set->path},
                             std::string_view{status},
                             kStatusClassValues[status_class_index(set->status)]};
        requests.add(labels, count);
        auto& summary = latency.add(labels).summary;
        summary.sample_count = count;
        summary.sample_sum = seconds(sum_ns);
        QuantileWindow::Counts const counts = window_.counts(shards_, id);
        for (double const quantile : {0.5, 0.9, 0.99})
            summary.quantile.push_back({quantile, QuantileBuckets::quantile(counts, quantile)});
    }
    families.push_back(requests.take());
    families.push_back(latency.take());
}

void MetricsExporter::Collector::add_durations(Families& families) const {
    Family requests{MetricId::request_duration};
    for (std::size_t i = 0; i < kStatusClassValues.size(); ++i)
        fill_histogram(
            requests.add({kStatusClassValues[i]}),
            shards_, [i](auto const& state) -> auto const& { return state.durations[i]; });
    families.push_back(requests.take());

    Family stages{MetricId::stage_duration};
    for (std::size_t i = 0; i < kStageValues.size(); ++i)
        fill_histogram(
            stages.add({kStageValues[i]}),
            shards_, [i](auto const& state) -> auto const& { return state.stages[i]; });
    families.push_back(stages.take());
}

void MetricsExporter::Collector::add_load(Families& families, ProcessView const& view) const {
    families.push_back(single(MetricId::in_flight_requests, view.in_flight));
    families.push_back(single(MetricId::in_flight_limit, view.in_flight_limit));
    families.push_back(
        single(MetricId::client_connections, sum(shards_, &State::client_connections)));
    Family bytes{MetricId::bytes};
    bytes.add({"in"}, sum(shards_, &State::bytes_in));
    bytes.add({"out"}, sum(shards_, &State::bytes_out));
    families.push_back(bytes.take());
}

void MetricsExporter::Collector::add_failures(Families& families) const {
    // Several kinds share an error type; a kind without one (the client left) is no failure.
    std::map<std::string_view, std::uint64_t> by_type;
    for (unsigned kind = 0; kind < kFailureKinds; ++kind) {
        auto const type = http::failure_status(static_cast<core::FailureKind>(kind)).error_type;
        if (type.empty()) continue;
        by_type[type] +=
            sum(shards_, [kind](auto const& state) -> Cell const& { return state.failures[kind]; });
    }
    Family failures{MetricId::failures};
    for (auto const& [type, value] : by_type)
        failures.add({type}, value);
    families.push_back(failures.take());

    families.push_back(
        by_label(MetricId::rejected_requests, kRejectReasonValues, shards_, &State::rejected));
    families.push_back(single(MetricId::label_overflow, sum(shards_, &State::label_overflow)));
}

void MetricsExporter::Collector::add_attempts(Families& families,
                                              std::vector<EndpointView> const& endpoints) const {
    families.push_back(by_endpoint_and_label(MetricId::attempts, kAttemptOutcomeValues, endpoints,
                                             &EndpointCells::attempts));
    families.push_back(by_endpoint_and_label(MetricId::retries, kRetryReasonValues, endpoints,
                                             &EndpointCells::retries));
    families.push_back(
        single(MetricId::retry_budget_exhausted, sum(shards_, &State::retry_budget_exhausted)));
    Family latency{MetricId::upstream_latency};
    for (EndpointView const& endpoint : endpoints) {
        fill_histogram(
            latency.add({endpoint.label}), kUpstreamBounds,
            [&](std::size_t bucket) {
                return sum(endpoint, [bucket](auto const& cells) -> Cell const& {
                    return cells.latency_buckets[bucket];
                });
            },
            sum(endpoint, &EndpointCells::latency_sum_ns));
    }
    families.push_back(latency.take());
}

void MetricsExporter::Collector::add_endpoint_states(Families& families, ProcessView const& view) {
    Family healthy{MetricId::upstream_healthy};
    Family breaker{MetricId::upstream_breaker_state};
    Family transitions{MetricId::breaker_transitions};
    for (EndpointView const& endpoint : view.endpoints) {
        healthy.add({endpoint.label}, endpoint.healthy ? 1.0 : 0.0);
        breaker.add({endpoint.label}, std::uint64_t{endpoint.breaker_state});
        for (std::size_t to = 0; to < kBreakerStateValues.size(); ++to)
            transitions.add({endpoint.label, kBreakerStateValues[to]}, endpoint.transitions_to[to]);
    }
    families.push_back(healthy.take());
    families.push_back(breaker.take());
    families.push_back(transitions.take());
    families.push_back(single(MetricId::fail_open, view.fail_open ? 1.0 : 0.0));
}

void MetricsExporter::Collector::add_connections(Families& families,
                                                 std::vector<EndpointView> const& endpoints) const {
    Family connections{MetricId::upstream_connections};
    Family stale{MetricId::stale_connections};
    Family probes{MetricId::health_probes};
    std::map<std::string, std::uint64_t> opened;
    for (EndpointView const& endpoint : endpoints) {
        auto const total = [&](Cell EndpointCells::*cell) { return sum(endpoint, cell); };
        connections.add({endpoint.label, "active"}, total(&EndpointCells::connections_active));
        connections.add({endpoint.label, "idle"}, total(&EndpointCells::connections_idle));
        stale.add({endpoint.label}, total(&EndpointCells::stale_connections));
        opened[endpoint.label] += total(&EndpointCells::connections_opened);
        probes.add({endpoint.label, "ok"}, endpoint.probes_ok);
        probes.add({endpoint.label, "failed"}, endpoint.probes_failed);
    }
    families.push_back(connections.take());
    families.push_back(single(MetricId::upstream_connections_opened,
                              connections_opened_.update(std::move(opened))));
    families.push_back(stale.take());
    families.push_back(probes.take());
}

void MetricsExporter::Collector::add_process(Families& families, ProcessView const& view) const {
    families.push_back(single(MetricId::draining, view.draining ? 1.0 : 0.0));
    families.push_back(single(MetricId::log_lines_dropped, log_lines_dropped()));
    Family spans{MetricId::trace_spans};
    spans.add({"exported"}, view.spans.exported);
    spans.add({"dropped"}, view.spans.dropped);
    spans.add({"failed"}, view.spans.failed);
    families.push_back(spans.take());
    Family build{MetricId::build_info};
    build.add({REVERSE_PROXY_VERSION}, 1.0);
    families.push_back(build.take());

    ProcessFigures const figures = read_process_figures();
    auto const add_where_known = [&](MetricId id, std::optional<std::uint64_t> const& value) {
        if (value) families.push_back(single(id, *value));
    };
    families.push_back(single(MetricId::process_cpu, figures.cpu_seconds));
    add_where_known(MetricId::process_resident_memory, figures.resident_bytes);
    add_where_known(MetricId::process_virtual_memory, figures.virtual_bytes);
    add_where_known(MetricId::process_open_fds, figures.open_fds);
    add_where_known(MetricId::process_max_fds, figures.max_fds);
    families.push_back(single(MetricId::process_start_time, started_));
}

MetricsExporter::MetricsExporter(std::vector<MetricsShard const*> shards,
                                 std::function<ProcessView()> view)
    : collector_{std::make_unique<Collector>(std::move(shards), std::move(view))} {}

MetricsExporter::~MetricsExporter() = default;

void MetricsExporter::rotate(core::TimePoint now) {
    collector_->rotate(now);
}

std::string MetricsExporter::render(core::TimePoint now) {
    rotate(now);
    return prometheus::TextSerializer{}.Serialize(collector_->Collect());
}

}  // namespace reverse_proxy::telemetry
