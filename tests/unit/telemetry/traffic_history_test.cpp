#include "reverse_proxy/telemetry/traffic_history.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <memory>
#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;
using http::Method;

namespace {

constexpr core::TimePoint kStart = core::TimePoint{} + 1h;

/// Two workers and one endpoint; time is a count of steps.
class TrafficHistoryTest : public testing::Test {
protected:
    TrafficHistoryTest() {
        view_.endpoints.push_back({"a:80", {&cells_[0], &cells_[1]}});
        step();
    }
    void step() {
        history_.sample(now_, view_);
        now_ += TrafficHistory::kStep;
    }
    void answered(unsigned status, std::chrono::nanoseconds latency, int times = 1) {
        for (int i = 0; i < times; ++i) {
            MetricsShard& shard = i % 2 == 0 ? first_ : second_;
            shard.request_finished(Method::get, "/x", status, latency);
        }
    }
    void attempted(AttemptOutcome outcome, std::uint64_t times = 1) {
        cells_[1].attempts[static_cast<unsigned>(outcome)].add(times);
    }
    TrafficHistory::Report report() { return history_.report(now_); }

    std::shared_ptr<LabelSets> const sets_ = std::make_shared<LabelSets>();
    MetricsShard first_{sets_};
    MetricsShard second_{sets_};
    std::array<EndpointCells, 2> cells_;
    ProcessView view_;
    TrafficHistory history_{{&first_, &second_}};
    core::TimePoint now_{kStart};
};

}  // namespace

TEST_F(TrafficHistoryTest, BeginsWithoutPoints) {
    auto const now = report();
    EXPECT_TRUE(now.points.empty());
    EXPECT_EQ(now.whole.requests, 0U);
    EXPECT_TRUE(std::isnan(now.last_minute.p50));
    EXPECT_TRUE(TrafficHistory{{&first_}}.report(kStart).points.empty()) << "never sampled";
}

TEST_F(TrafficHistoryTest, APointIsWhatCameSinceTheOneBefore) {
    answered(200, 10ms, 6);
    answered(404, 10ms, 2);
    answered(503, 10ms, 1);
    view_.in_flight = 7;
    step();
    answered(200, 1s, 2);
    view_.in_flight = 0;
    step();
    auto const now = report();
    ASSERT_EQ(now.points.size(), 2U);
    EXPECT_EQ(now.points[0].traffic.requests, 9U);
    EXPECT_EQ(now.points[0].traffic.client_errors, 2U);
    EXPECT_EQ(now.points[0].traffic.server_errors, 1U);
    EXPECT_EQ(now.points[0].traffic.seconds, 2.0);
    EXPECT_EQ(now.points[0].seconds_ago, 4.0);
    EXPECT_EQ(now.points[0].in_flight, 7U);
    EXPECT_NEAR(now.points[0].traffic.p50, 0.010, 0.001);
    EXPECT_EQ(now.points[1].traffic.requests, 2U);
    EXPECT_EQ(now.points[1].in_flight, 0U);
    EXPECT_NEAR(now.points[1].traffic.p99, 1.0, 0.07);
    EXPECT_EQ(now.whole.requests, 11U);
    EXPECT_EQ(now.whole.seconds, 4.0);
    EXPECT_NEAR(now.whole.p50, 0.010, 0.001);
    EXPECT_NEAR(now.whole.p99, 1.0, 0.07);
}

TEST_F(TrafficHistoryTest, AStepIsAsLongAsTheClockSays) {
    answered(200, 1ms, 10);
    now_ += 8s;  // the process was stopped meanwhile
    step();
    EXPECT_EQ(report().points.at(0).traffic.seconds, 10.0);
}

TEST_F(TrafficHistoryTest, TheMinuteAndTheWholeForgetWhatIsOlder) {
    answered(200, 1ms, 100);
    step();
    for (std::size_t i = 1; i < TrafficHistory::kStepsOfMinute; ++i)
        step();
    EXPECT_EQ(report().last_minute.requests, 100U);
    step();
    EXPECT_EQ(report().last_minute.requests, 0U);
    EXPECT_EQ(report().last_minute.seconds, 60.0);
    for (std::size_t i = TrafficHistory::kStepsOfMinute + 1; i < TrafficHistory::kSteps; ++i)
        step();
    EXPECT_EQ(report().whole.requests, 100U);
    step();
    auto const now = report();
    EXPECT_EQ(now.whole.requests, 0U);
    EXPECT_EQ(now.points.size(), TrafficHistory::kSteps);
    EXPECT_EQ(now.whole.seconds, 300.0);
    EXPECT_GT(now.points.front().seconds_ago, now.points.back().seconds_ago);
}

TEST_F(TrafficHistoryTest, TheProxysOwnEndpointsAreNoTraffic) {
    answered(200, 10ms, 3);
    for (unsigned const status : {200U, 401U, 503U}) {
        second_.request_finished(Method::get, "/readyz", status, 1h);
        second_.was_own(status, 1h);
    }
    step();
    auto const now = report().last_minute;
    EXPECT_EQ(now.requests, 3U);
    EXPECT_EQ(now.client_errors, 0U);
    EXPECT_EQ(now.server_errors, 0U);
    EXPECT_NEAR(now.p99, 0.010, 0.001);
}

TEST_F(TrafficHistoryTest, ASampleBetweenTheTwoCountsOfAnOwnRequestHarmsNothing) {
    first_.request_finished(Method::get, "/readyz", 200, 1ms);
    step();
    first_.was_own(200, 1ms);
    step();
    auto const now = report();
    EXPECT_EQ(now.points.at(1).traffic.requests, 0U);
    EXPECT_TRUE(std::isnan(now.points.at(1).traffic.p50));
    EXPECT_EQ(now.whole.requests, 0U);
}

TEST_F(TrafficHistoryTest, ATunnelIsARequestWithoutATime) {
    first_.request_finished(Method::get, "/socket", 101, 1h);
    answered(200, 10ms);
    step();
    EXPECT_EQ(report().last_minute.requests, 2U);
    EXPECT_NEAR(report().last_minute.p99, 0.010, 0.001);
}

TEST_F(TrafficHistoryTest, AttemptsByEndpoint) {
    attempted(AttemptOutcome::ok, 4);
    attempted(AttemptOutcome::error_status);
    attempted(AttemptOutcome::connect_failed);
    attempted(AttemptOutcome::stale, 2);
    attempted(AttemptOutcome::aborted);
    cells_[0].retries[static_cast<unsigned>(RetryReason::stale)].add(2);
    cells_[1].retries[static_cast<unsigned>(RetryReason::connect)].add(1);
    for (int i = 0; i < 4; ++i)
        cells_[0].observe_latency(20ms);
    step();
    auto const now = report();
    ASSERT_EQ(now.endpoints.size(), 1U);
    auto const& endpoint = now.endpoints[0];
    EXPECT_EQ(endpoint.label, "a:80");
    EXPECT_EQ(endpoint.attempts, 9U);
    EXPECT_EQ(endpoint.failed, 2U);
    EXPECT_EQ(endpoint.stale, 2U);
    EXPECT_EQ(endpoint.retries, 3U);
    EXPECT_NEAR(endpoint.mean, 0.020, 1e-9);
    EXPECT_GT(endpoint.p99, 0.010);
    EXPECT_LE(endpoint.p99, 0.025);
}

TEST_F(TrafficHistoryTest, AnEndpointsMinuteSlides) {
    attempted(AttemptOutcome::ok, 5);
    cells_[0].observe_latency(20ms);
    step();
    for (std::size_t i = 1; i < TrafficHistory::kStepsOfMinute; ++i)
        step();
    EXPECT_EQ(report().endpoints.at(0).attempts, 5U);
    step();
    EXPECT_EQ(report().endpoints.at(0).attempts, 0U);
    EXPECT_TRUE(std::isnan(report().endpoints.at(0).mean));
    EXPECT_TRUE(std::isnan(report().endpoints.at(0).p99));
}

TEST_F(TrafficHistoryTest, ALatencyPastTheLastBoundIsThatBound) {
    cells_[0].observe_latency(1h);
    step();
    EXPECT_EQ(report().endpoints.at(0).p99, 10.0);
    EXPECT_EQ(report().endpoints.at(0).mean, 3600.0);
}

TEST_F(TrafficHistoryTest, EndpointsComeAndGo) {
    attempted(AttemptOutcome::ok, 5);
    cells_[0].observe_latency(20ms);
    step();
    std::array<EndpointCells, 2> fresh;
    fresh[0].attempts[static_cast<unsigned>(AttemptOutcome::ok)].add(3);
    view_.endpoints = {{"b:80", {&fresh[0], &fresh[1]}}, {"a:80", {&cells_[0], &cells_[1]}}};
    attempted(AttemptOutcome::ok);
    step();
    auto const both = report();
    ASSERT_EQ(both.endpoints.size(), 2U);
    EXPECT_EQ(both.endpoints[0].label, "b:80");
    EXPECT_EQ(both.endpoints[0].attempts, 3U);
    EXPECT_EQ(both.endpoints[1].label, "a:80");
    EXPECT_EQ(both.endpoints[1].attempts, 6U);
    // a:80 is made anew: it counts from nothing under its old label.
    view_.endpoints = {{"a:80", {&fresh[0], &fresh[1]}}};
    step();
    auto const anew = report();
    ASSERT_EQ(anew.endpoints.size(), 1U);
    EXPECT_EQ(anew.endpoints[0].attempts, 3U);
    EXPECT_TRUE(std::isnan(anew.endpoints[0].mean));
}
