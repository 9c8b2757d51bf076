#pragma once

#include "reverse_proxy/telemetry/metrics_shard.hpp"
#include "telemetry/latency_buckets.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

namespace reverse_proxy::telemetry {

inline constexpr unsigned kFailureKinds =
    static_cast<unsigned>(core::FailureKind::internal_error) + 1;
inline constexpr unsigned kStages = static_cast<unsigned>(Stage::count);
inline constexpr unsigned kRejectReasons = static_cast<unsigned>(RejectReason::count);
inline constexpr unsigned kStatusClasses = 5;

/// 0 for 1xx ... 4 for 5xx and, as RFC 9110, 15 advises, for all outside 100..599.
constexpr unsigned status_class_index(unsigned status) {
    return status >= 100 && status < 600 ? status / 100 - 1 : 4;
}

/// Times as a Prometheus histogram; buckets are not cumulative here.
struct DurationHistogram {
    Cell buckets[decltype(kDurationBounds)::kBuckets];
    Cell sum_ns;

    void observe(std::uint64_t nanoseconds) {
        buckets[kDurationBounds.index(nanoseconds)].add(1);
        sum_ns.add(nanoseconds);
    }
};

/// One series of requests_total and request_latency_seconds. About 1.4 KB, made when its worker
/// first meets the label set.
struct Series {
    Cell count;
    Cell sum_ns;
    // 32 bits are enough: the exporter looks at differences over two minutes, and they may wrap.
    std::array<std::atomic<std::uint32_t>, QuantileBuckets::kCount> latency{};

    void observe(std::uint64_t nanoseconds) {
        count.add(1);
        sum_ns.add(nanoseconds);
        auto& bucket = latency[QuantileBuckets::index(nanoseconds)];
        bucket.store(bucket.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    }
};

struct MetricsShard::State {
    explicit State(std::shared_ptr<LabelSets> sets);
    ~State();

    // Read by the exporter.
    std::shared_ptr<LabelSets> const label_sets;
    std::array<std::atomic<Series*>, LabelSets::kCapacity> series{};  // by label-set id
    Series own[kStatusClasses];  // those among them that asked for an admin endpoint
    DurationHistogram durations[kStatusClasses];
    DurationHistogram stages[kStages];
    Cell failures[kFailureKinds];
    Cell rejected[kRejectReasons];
    Cell retry_budget_exhausted;
    Cell label_overflow;
    Cell bytes_in;
    Cell bytes_out;
    Cell client_connections;

    // Of the worker alone from here on.
    Series& series_of(http::Method method, std::string_view path, unsigned status);

private:
    // Ids of the label sets this worker has met, hashed with linear probing. At most a quarter of
    // the places is ever taken, so a look-up ends after one or two.
    struct Place {
        std::uint32_t hash;
        std::uint16_t id_plus_1;  // 0: empty
    };
    static constexpr std::size_t kPlaces = 2048;
    static_assert(kPlaces >= 4 * LabelSets::kPathSets);
    static constexpr unsigned kStatuses = 1000;

    LabelSets::Id find(std::uint32_t hash, http::Method method, std::string_view path,
                       unsigned status) const;
    void remember(std::uint32_t hash, LabelSets::Id id);
    LabelSets::Id first_meeting(std::uint32_t hash, http::Method method, std::string_view path,
                                unsigned status);
    LabelSets::Id overflow(http::Method method, unsigned status);
    LabelSets::Id other(http::Method method, unsigned status);
    Series& cells(LabelSets::Id id);

    std::array<Place, kPlaces> places_{};
    // Ids under path="other" by method and status, plus 1; 0 = not met yet.
    std::array<std::uint16_t, http::kMethodCount * kStatuses> others_{};
    bool knows_all_paths_{false};
};

}  // namespace reverse_proxy::telemetry
