#include "reverse_proxy/telemetry/metrics_shard.hpp"
#include "telemetry/shard_state.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>
#include <vector>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;

namespace {

using Labels = std::tuple<http::Method, std::string, unsigned>;

/// What all shards counted, by labels.
std::map<Labels, std::uint64_t> counts(std::vector<MetricsShard const*> const& shards) {
    std::map<Labels, std::uint64_t> result;
    for (auto const* const shard : shards) {
        for (LabelSets::Id id = 0; id < LabelSets::kCapacity; ++id) {
            Series const* const series = shard->state().series[id].load();
            if (series == nullptr) continue;
            LabelSet const* const set = shard->state().label_sets->at(id);
            result[{set->method, set->path, set->status}] += series->count.read();
        }
    }
    return result;
}

std::uint64_t total(std::map<Labels, std::uint64_t> const& counts) {
    std::uint64_t sum = 0;
    for (auto const& [labels, count] : counts)
        sum += count;
    return sum;
}

/// A path that keeps its number: letters, as digits would become `:id`.
std::string path(unsigned number) {
    std::string text = "/p";
    for (; number != 0; number /= 20)
        text += static_cast<char>('g' + number % 20);
    return text;
}

class MetricsShardTest : public testing::Test {
protected:
    static void get(MetricsShard& shard, std::string_view raw, unsigned status = 200) {
        shard.request_finished(http::Method::get, raw, status, 1ms);
    }
    std::map<Labels, std::uint64_t> counted() const { return counts({&first_, &second_}); }
    std::uint64_t overflow() const {
        return first_.state().label_overflow.read() + second_.state().label_overflow.read();
    }

    std::shared_ptr<LabelSets> const sets_ = std::make_shared<LabelSets>();
    MetricsShard first_{sets_};
    MetricsShard second_{sets_};
};

constexpr auto kGet = http::Method::get;

}  // namespace

TEST_F(MetricsShardTest, CountsByMethodNormalisedPathAndStatus) {
    get(first_, "/users/1");
    get(first_, "/users/2");
    get(second_, "/users/3");
    get(first_, "/users/4", 404);
    first_.request_finished(http::Method::post, "/users/5", 200, 1ms);
    EXPECT_EQ(counted(),
              (std::map<Labels, std::uint64_t>{{{kGet, "/users/:id", 200}, 3},
                                               {{kGet, "/users/:id", 404}, 1},
                                               {{http::Method::post, "/users/:id", 200}, 1}}));
    EXPECT_EQ(overflow(), 0U);
}

TEST_F(MetricsShardTest, RequestWithoutPathIsOtherButNoOverflow) {
    first_.request_finished(http::Method::other, "", 400, 0ms);
    EXPECT_EQ(counted(),
              (std::map<Labels, std::uint64_t>{{{http::Method::other, "other", 400}, 1}}));
    EXPECT_EQ(overflow(), 0U);
}

TEST_F(MetricsShardTest, PathThatMakesNoLabelIsOtherAndOverflow) {
    get(first_,
        "/" + std::string(60, 'x') + "/" + std::string(60, 'x') + "/" + std::string(60, 'x'));
    EXPECT_EQ(counted(), (std::map<Labels, std::uint64_t>{{{kGet, "other", 200}, 1}}));
    EXPECT_EQ(overflow(), 1U);
}

TEST_F(MetricsShardTest, OddStatusAndDurationAreBounded) {
    first_.request_finished(kGet, "/", 0, -5ms);
    first_.request_finished(kGet, "/", 1000, 1ms);
    first_.request_finished(kGet, "/", 999, 1ms);
    EXPECT_EQ(counted(),
              (std::map<Labels, std::uint64_t>{{{kGet, "/", 500}, 2}, {{kGet, "/", 999}, 1}}));
    EXPECT_EQ(first_.state().durations[4].sum_ns.read(), 2'000'000U);
}

TEST_F(MetricsShardTest, BoundOfLabelSetsIsOverAllShards) {
    // Each shard brings 256 sets of its own and both share one: 512 in all, so the last is refused.
    for (unsigned i = 0; i < 256; ++i) {
        get(first_, path(i));
        get(second_, path(1000 + i));
    }
    EXPECT_EQ(overflow(), 0U);
    EXPECT_EQ(counted().size(), 512U);

    get(first_, path(5000));
    get(second_, path(5001));
    get(second_, path(5001), 404);
    EXPECT_EQ(overflow(), 3U);
    auto const now = counted();
    EXPECT_EQ(now.size(), 514U);
    EXPECT_EQ(now.at({kGet, "other", 200}), 2U);
    EXPECT_EQ(now.at({kGet, "other", 404}), 1U);
}

TEST_F(MetricsShardTest, FullTableStillServesSetsThatTheOtherShardMade) {
    for (unsigned i = 0; i < 600; ++i)
        get(first_, path(i));
    EXPECT_EQ(overflow(), 600U - 512U);
    for (unsigned i = 0; i < 600; ++i)
        get(second_, path(i));
    EXPECT_EQ(overflow(), 2U * (600U - 512U));
    auto const now = counted();
    EXPECT_EQ(now.size(), 513U);
    EXPECT_EQ(now.at({kGet, path(3), 200}), 2U);
    EXPECT_EQ(now.at({kGet, path(511), 200}), 2U);
    EXPECT_EQ(total(now), 1200U);
}

TEST_F(MetricsShardTest, NothingIsLostHoweverManySets) {
    unsigned requests = 0;
    for (unsigned method = 0; method < http::kMethodCount; ++method) {
        for (unsigned status = 100; status < 1000; ++status, ++requests)
            (status % 2 == 0 ? first_ : second_)
                .request_finished(static_cast<http::Method>(method), path(status % 7), status, 1ms);
    }
    auto const now = counted();
    EXPECT_EQ(total(now), requests);
    EXPECT_EQ(now.size(), std::size_t{LabelSets::kCapacity});
}

TEST_F(MetricsShardTest, StatusClassHistogramIgnoresTheStatusItself) {
    get(first_, "/", 200);
    get(first_, "/", 204);
    get(first_, "/", 499);
    auto const& state = first_.state();
    std::size_t const bucket = kDurationBounds.index(1'000'000);
    EXPECT_EQ(state.durations[1].buckets[bucket].read(), 2U);
    EXPECT_EQ(state.durations[3].buckets[bucket].read(), 1U);
}

TEST(EndpointCells, LatencyGoesToItsBucket) {
    EndpointCells cells;
    cells.observe_latency(100us);
    cells.observe_latency(3ms);
    cells.observe_latency(1h);
    EXPECT_EQ(cells.latency_buckets[0].read(), 1U);
    EXPECT_EQ(cells.latency_buckets[4].read(), 1U);
    EXPECT_EQ(cells.latency_buckets[15].read(), 1U);
    EXPECT_EQ(cells.latency_sum_ns.read(), 3'600'003'100'000U);
}
