#include "telemetry/latency_buckets.hpp"

#include <limits>
#include <numeric>

namespace reverse_proxy::telemetry {

double QuantileBuckets::quantile(std::array<std::uint32_t, kCount> const& counts, double quantile) {
    auto const total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    if (total == 0) return std::numeric_limits<double>::quiet_NaN();
    double const rank = quantile * static_cast<double>(total);
    double below = 0;
    std::size_t bucket = 0;
    for (; bucket < kCount - 1; ++bucket) {
        if (counts[bucket] != 0 && below + counts[bucket] >= rank) break;
        below += counts[bucket];
    }
    auto const lower = static_cast<double>(lower_bound(bucket));
    if (bucket == kCount - 1) return lower / 1e9;
    auto const width = static_cast<double>(lower_bound(bucket + 1)) - lower;
    return (lower + width * (rank - below) / counts[bucket]) / 1e9;
}

}  // namespace reverse_proxy::telemetry
