#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace reverse_proxy::telemetry {

/// Upper bounds of a Prometheus histogram in nanoseconds; bucket N is +Inf.
template <std::size_t N> class BucketBounds {
public:
    static constexpr std::size_t kBuckets = N + 1;

    constexpr explicit BucketBounds(std::array<std::uint64_t, N> const& bounds) {
        std::copy(bounds.begin(), bounds.end(), bounds_.begin());
        bounds_[N] = UINT64_MAX;
        for (unsigned width = 0; width < first_.size(); ++width) {
            std::uint64_t const least = width == 0 ? 0 : std::uint64_t{1} << (width - 1);
            std::size_t at = 0;
            while (bounds_[at] < least)
                ++at;
            first_[width] = static_cast<std::uint8_t>(at);
        }
    }
    /// The bucket of a value (`le`: a value equal to a bound is inside). One table look-up by the
    /// value's highest bit and as many compares as bounds share it, here at most three.
    [[nodiscard]] constexpr std::size_t index(std::uint64_t value) const {
        std::size_t at = first_[static_cast<unsigned>(std::bit_width(value))];
        while (value > bounds_[at])
            ++at;
        return at;
    }
    /// Of a bucket other than the last.
    [[nodiscard]] constexpr double upper_bound_seconds(std::size_t bucket) const {
        return static_cast<double>(bounds_[bucket]) / 1e9;
    }

private:
    std::array<std::uint64_t, N + 1> bounds_{};
    std::array<std::uint8_t, 65> first_{};
};

/// The buckets that OpenTelemetry advises for http.server.request.duration, continued downwards: a
/// proxy's own stages take microseconds.
inline constexpr BucketBounds<19> kDurationBounds{
    {100'000, 250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 25'000'000, 50'000'000,
     75'000'000, 100'000'000, 250'000'000, 500'000'000, 750'000'000, 1'000'000'000, 2'500'000'000,
     5'000'000'000, 7'500'000'000, 10'000'000'000}};

/// Fewer, as there is a set of them for each endpoint and worker.
inline constexpr BucketBounds<15> kUpstreamBounds{
    {250'000, 500'000, 1'000'000, 2'500'000, 5'000'000, 10'000'000, 25'000'000, 50'000'000,
     100'000'000, 250'000'000, 500'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000,
     10'000'000'000}};

/// Buckets for quantiles: every power of two is cut into 16 equal parts, so a value is known to
/// 1/16, that is its middle to about 3 %. Below 65 µs a bucket is 4.1 µs wide; the last one holds
/// all from 66 s up.
class QuantileBuckets {
public:
    static constexpr std::size_t kCount = 336;

    static constexpr std::size_t index(std::uint64_t nanoseconds) {
        std::uint64_t const units = nanoseconds >> kUnitBits;
        auto const octave = static_cast<unsigned>(std::bit_width(units | 16)) - 5;
        return std::min<std::size_t>((std::size_t{octave} << 4) + (units >> octave), kCount - 1);
    }
    static constexpr std::uint64_t lower_bound(std::size_t bucket) {
        std::size_t const octave = bucket < 32 ? 0 : bucket / 16 - 1;
        return (bucket - octave * 16) << (octave + kUnitBits);
    }
    /// The value below which `quantile` of the counted values lie, in seconds, taken evenly within
    /// its bucket; NaN where nothing was counted.
    static double quantile(std::array<std::uint32_t, kCount> const& counts, double quantile);

private:
    static constexpr unsigned kUnitBits = 12;
};

}  // namespace reverse_proxy::telemetry
