#include "telemetry/quantile_window.hpp"

namespace reverse_proxy::telemetry {
namespace {

/// Sums one label set over the shards; false where no shard has it.
bool sum(std::span<MetricsShard const* const> shards, LabelSets::Id id,
         QuantileWindow::Counts& total) {
    total.fill(0);
    bool found = false;
    for (MetricsShard const* const shard : shards) {
        Series const* const series = shard->state().series[id].load(std::memory_order_acquire);
        if (series == nullptr) continue;
        found = true;
        for (std::size_t bucket = 0; bucket < total.size(); ++bucket)
            total[bucket] += series->latency[bucket].load(std::memory_order_relaxed);
    }
    return found;
}

}  // namespace

void QuantileWindow::rotate(std::span<MetricsShard const* const> shards, core::TimePoint now) {
    if (!minute_began_) minute_began_ = now;
    if (now - *minute_began_ < kMinute) return;
    minute_began_ = now;
    Counts total;
    for (LabelSets::Id id = 0; id < LabelSets::kCapacity; ++id) {
        if (!sum(shards, id, total)) continue;
        if (!remembered_[id]) remembered_[id] = std::make_unique<Remembered>();
        remembered_[id]->one_before = remembered_[id]->last;
        remembered_[id]->last = total;
    }
}

QuantileWindow::Counts QuantileWindow::counts(std::span<MetricsShard const* const> shards,
                                              LabelSets::Id id) const {
    Counts total;
    sum(shards, id, total);
    if (remembered_[id]) {
        // Unsigned arithmetic: right even where a 32-bit cell has wrapped.
        for (std::size_t bucket = 0; bucket < total.size(); ++bucket)
            total[bucket] -= remembered_[id]->one_before[bucket];
    }
    return total;
}

}  // namespace reverse_proxy::telemetry
