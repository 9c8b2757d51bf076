#include "telemetry/latency_buckets.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

using namespace reverse_proxy::telemetry;

namespace {

constexpr std::uint64_t kMicro = 1000;
constexpr std::uint64_t kMilli = 1'000'000;
constexpr std::uint64_t kSecond = 1'000'000'000;

template <typename Bounds> void expect_le_semantics(Bounds const& bounds) {
    EXPECT_EQ(bounds.index(0), 0U);
    for (std::size_t i = 0; i + 1 < Bounds::kBuckets; ++i) {
        auto const bound =
            static_cast<std::uint64_t>(std::llround(bounds.upper_bound_seconds(i) * 1e9));
        EXPECT_EQ(bounds.index(bound - 1), i);
        EXPECT_EQ(bounds.index(bound), i) << "a bound is inside its bucket";
        EXPECT_EQ(bounds.index(bound + 1), i + 1);
    }
    EXPECT_EQ(bounds.index(UINT64_MAX), Bounds::kBuckets - 1);
}

}  // namespace

TEST(BucketBounds, ValueOnABoundIsInside) {
    expect_le_semantics(kDurationBounds);
    expect_le_semantics(kUpstreamBounds);
}

TEST(QuantileBuckets, EachBucketBeginsWhereTheOneBeforeEnds) {
    EXPECT_EQ(QuantileBuckets::lower_bound(0), 0U);
    for (std::size_t bucket = 1; bucket < QuantileBuckets::kCount; ++bucket) {
        std::uint64_t const lower = QuantileBuckets::lower_bound(bucket);
        EXPECT_EQ(QuantileBuckets::index(lower), bucket);
        EXPECT_EQ(QuantileBuckets::index(lower - 1), bucket - 1);
    }
    EXPECT_EQ(QuantileBuckets::index(UINT64_MAX), QuantileBuckets::kCount - 1);
}

TEST(QuantileBuckets, WidthIsAtMostASixteenthFromSixtySixMicroseconds) {
    for (std::size_t bucket = 16; bucket + 1 < QuantileBuckets::kCount; ++bucket) {
        std::uint64_t const lower = QuantileBuckets::lower_bound(bucket);
        EXPECT_LE((QuantileBuckets::lower_bound(bucket + 1) - lower) * 16, lower);
    }
    EXPECT_LT(QuantileBuckets::lower_bound(16), 66 * kMicro);
    EXPECT_GT(QuantileBuckets::lower_bound(QuantileBuckets::kCount - 1), 60 * kSecond);
}

TEST(QuantileBuckets, QuantilesAreWithinFivePercent) {
    // Latencies spread evenly on a logarithmic scale from 100 µs to 10 s, and a narrow hump.
    std::vector<std::uint64_t> values;
    for (int i = 0; i < 5000; ++i)
        values.push_back(static_cast<std::uint64_t>(1e5 * std::pow(1e5, i / 5000.0)));
    for (std::uint64_t i = 0; i < 5000; ++i)
        values.push_back(3 * kMilli + i);
    std::array<std::uint32_t, QuantileBuckets::kCount> counts{};
    for (std::uint64_t const value : values)
        ++counts[QuantileBuckets::index(value)];
    std::sort(values.begin(), values.end());
    for (double const quantile : {0.01, 0.25, 0.5, 0.9, 0.99, 0.999}) {
        auto const rank = static_cast<std::size_t>(quantile * static_cast<double>(values.size()));
        double const exact = static_cast<double>(values[rank]) / 1e9;
        EXPECT_NEAR(QuantileBuckets::quantile(counts, quantile), exact, exact * 0.05) << quantile;
    }
}

TEST(QuantileBuckets, QuantileOfNothingIsNaN) {
    EXPECT_TRUE(std::isnan(QuantileBuckets::quantile({}, 0.5)));
}

TEST(QuantileBuckets, QuantileBeyondTheRangeIsItsEnd) {
    std::array<std::uint32_t, QuantileBuckets::kCount> counts{};
    counts[QuantileBuckets::index(500 * kSecond)] = 3;
    double const quantile = QuantileBuckets::quantile(counts, 0.99);
    EXPECT_GT(quantile, 60.0);
    EXPECT_LT(quantile, 70.0);
}
