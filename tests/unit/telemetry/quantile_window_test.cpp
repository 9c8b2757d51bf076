#include "telemetry/quantile_window.hpp"

#include <gtest/gtest.h>

#include <array>
#include <numeric>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;

namespace {

class QuantileWindowTest : public testing::Test {
protected:
    void requests(unsigned n) {
        for (unsigned i = 0; i < n; ++i)
            (i % 2 == 0 ? first_ : second_).request_finished(http::Method::get, "/", 200, 1ms);
    }
    std::uint32_t in_window() const {
        auto const counts = window_.counts(shards_, 0);
        return std::accumulate(counts.begin(), counts.end(), 0U);
    }
    void rotate(core::Duration since_start) {
        window_.rotate(shards_, core::TimePoint{} + 1h + since_start);
    }

private:
    std::shared_ptr<LabelSets> const sets_ = std::make_shared<LabelSets>();
    MetricsShard first_{sets_};
    MetricsShard second_{sets_};
    std::array<MetricsShard const*, 2> const shards_{&first_, &second_};
    QuantileWindow window_;
};

}  // namespace

TEST_F(QuantileWindowTest, CountsAllShards) {
    requests(5);
    EXPECT_EQ(in_window(), 5U);
}

TEST_F(QuantileWindowTest, ForgetsWhatIsTwoMinutesOld) {
    rotate(0s);
    requests(3);
    rotate(60s);
    EXPECT_EQ(in_window(), 3U);
    requests(2);
    rotate(119s);
    EXPECT_EQ(in_window(), 5U) << "the minute is not over";
    rotate(120s);
    EXPECT_EQ(in_window(), 2U);
    rotate(180s);
    EXPECT_EQ(in_window(), 0U);
    requests(1);
    EXPECT_EQ(in_window(), 1U);
}

TEST_F(QuantileWindowTest, SeriesThatBeginsLaterCountsWhole) {
    rotate(0s);
    rotate(60s);
    rotate(120s);
    requests(4);
    EXPECT_EQ(in_window(), 4U);
    rotate(180s);
    EXPECT_EQ(in_window(), 4U);
    rotate(240s);
    EXPECT_EQ(in_window(), 0U);
}
