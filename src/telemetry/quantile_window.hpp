#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/telemetry/label_sets.hpp"
#include "telemetry/shard_state.hpp"

#include <array>
#include <memory>
#include <optional>
#include <span>

namespace reverse_proxy::telemetry {

/// Turns the ever-growing latency buckets of all shards into counts of the last one to two minutes,
/// by remembering what they were at the ends of the last two minutes. So workers need not rotate
/// anything. Owned by the exporter.
class QuantileWindow {
public:
    using Counts = std::array<std::uint32_t, QuantileBuckets::kCount>;
    static constexpr core::Duration kMinute = std::chrono::minutes{1};

    /// Ends the minute where it is over.
    void rotate(std::span<MetricsShard const* const> shards, core::TimePoint now);
    /// What one label set counted in the window.
    [[nodiscard]] Counts counts(std::span<MetricsShard const* const> shards,
                                LabelSets::Id id) const;

private:
    struct Remembered {
        Counts last{};        // at the end of the last minute
        Counts one_before{};  // at the end of the minute before
    };
    std::optional<core::TimePoint> minute_began_;
    std::array<std::unique_ptr<Remembered>, LabelSets::kCapacity> remembered_;
};

}  // namespace reverse_proxy::telemetry
