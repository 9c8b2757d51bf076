#include "exposition.hpp"
#include "reverse_proxy/http/failure_status.hpp"
#include "reverse_proxy/telemetry/metrics_exporter.hpp"
#include "telemetry/metrics.hpp"
#include "telemetry/shard_state.hpp"
#include "tests/support/os.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <set>
#include <string>
#include <thread>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;

namespace {

constexpr core::TimePoint kStart = core::TimePoint{} + 1h;

/// Two workers, one endpoint.
class MetricsExporterTest : public testing::Test {
protected:
    MetricsExporterTest() {
        view_.in_flight = 3;
        view_.in_flight_limit = 1024;
        view_.endpoints.push_back(
            {"127.0.0.1:9000", {&cells_[0], &cells_[1]}, true, 0, {0, 0, 0}, 0, 0});
    }
    std::string render(core::Duration since_start = 0s) {
        return exporter_.render(kStart + since_start);
    }
    std::map<std::string, std::string> samples(core::Duration since_start = 0s) {
        return samples_of(render(since_start));
    }
    EndpointView& endpoint() { return view_.endpoints.front(); }

    std::shared_ptr<LabelSets> const sets_ = std::make_shared<LabelSets>();
    MetricsShard first_{sets_};
    MetricsShard second_{sets_};
    std::array<EndpointCells, 2> cells_;
    ProcessView view_;
    MetricsExporter exporter_{{&first_, &second_}, [this] { return view_; }};
};

/// `name{a="1",le="2"}` -> `a,le`
std::string label_names(std::string const& sample) {
    std::string names;
    std::size_t at = sample.find('{');
    while (at != std::string::npos && at + 1 < sample.size()) {
        std::size_t const equals = sample.find("=\"", at);
        if (equals == std::string::npos) break;
        if (!names.empty()) names += ',';
        names += sample.substr(at + 1, equals - at - 1);
        at = sample.find("\",", equals);
        if (at != std::string::npos) ++at;
    }
    return names;
}

}  // namespace

TEST_F(MetricsExporterTest, EveryMetricOfTheTableIsExportedWithItsLabels) {
    first_.request_finished(http::Method::get, "/users/42", 200, 10ms);
    std::string const text = render();
    auto const now = samples_of(text);
    for (Metric const& row : metrics()) {
        std::string const name{row.name};
        EXPECT_NE(text.find("# HELP " + name + " " + std::string{row.help} + "\n"),
                  std::string::npos)
            << name;
        EXPECT_NE(text.find("# TYPE " + name + " " + std::string{name_of(row.kind)} + "\n"),
                  std::string::npos)
            << name;
        std::string expected;
        for (auto const label : row.label_names())
            expected += (expected.empty() ? "" : ",") + std::string{label};
        std::string suffix;
        if (row.kind == MetricKind::histogram || row.kind == MetricKind::summary) suffix = "_count";
        bool found = false;
        for (auto const& [sample, value] : now) {
            if (sample.substr(0, sample.find('{')) != name + suffix) continue;
            found = true;
            EXPECT_EQ(label_names(sample), expected) << sample;
        }
        EXPECT_TRUE(found) << name;
    }
}

TEST_F(MetricsExporterTest, ClosedLabelSetsExistFromTheStart) {
    auto const now = samples();
    for (unsigned kind = 0; kind < kFailureKinds; ++kind) {
        auto const type = http::failure_status(static_cast<core::FailureKind>(kind)).error_type;
        if (type.empty()) continue;
        EXPECT_EQ(now.at("reverse_proxy_failures_total{error=\"" + std::string{type} + "\"}"), "0");
    }
    for (std::string const sample :
         {R"(reverse_proxy_rejected_requests_total{reason="in_flight"})",
          R"(reverse_proxy_attempts_total{upstream="127.0.0.1:9000",outcome="connect_failed"})",
          R"(reverse_proxy_attempts_total{upstream="127.0.0.1:9000",outcome="ok"})",
          R"(reverse_proxy_retries_total{upstream="127.0.0.1:9000",reason="stale"})",
          R"(reverse_proxy_breaker_transitions_total{upstream="127.0.0.1:9000",to="half_open"})",
          R"(reverse_proxy_health_probes_total{upstream="127.0.0.1:9000",outcome="failed"})",
          R"(reverse_proxy_request_duration_seconds_count{status_class="5xx"})",
          R"(reverse_proxy_stage_duration_seconds_count{stage="response"})",
          R"(reverse_proxy_bytes_total{direction="out"})", R"(reverse_proxy_label_overflow_total)"})
        EXPECT_EQ(now.at(sample), "0") << sample;
}

TEST_F(MetricsExporterTest, SumsTheShards) {
    for (MetricsShard* const shard : {&first_, &second_}) {
        shard->request_finished(http::Method::get, "/users/42", 200, 250ms);
        shard->stage_finished(Stage::upstream, 200us);
        shard->failed(core::FailureKind::connect_refused);
        shard->rejected(RejectReason::no_endpoint);
        shard->retry_budget_exhausted();
        shard->bytes_in(10);
        shard->bytes_out(20);
        shard->client_connected();
    }
    second_.client_disconnected();
    auto const now = samples();
    std::string const labels =
        R"({method="GET",path="/users/:id",status="200",status_class="2xx"})";
    EXPECT_EQ(now.at("requests_total" + labels), "2");
    EXPECT_EQ(now.at("request_latency_seconds_count" + labels), "2");
    EXPECT_EQ(now.at("request_latency_seconds_sum" + labels), "0.5");
    std::string const duration =
        "reverse_proxy_request_duration_seconds_bucket{status_class=\"2xx\"";
    EXPECT_EQ(now.at(duration + ",le=\"0.1\"}"), "0");
    EXPECT_EQ(now.at(duration + ",le=\"0.25\"}"), "2");
    EXPECT_EQ(now.at(duration + ",le=\"+Inf\"}"), "2");
    std::string const stage = R"(reverse_proxy_stage_duration_seconds_bucket{stage="upstream")";
    EXPECT_EQ(now.at(stage + ",le=\"0.0001\"}"), "0");
    EXPECT_EQ(now.at(stage + ",le=\"0.00025\"}"), "2");
    EXPECT_EQ(now.at(R"(reverse_proxy_rejected_requests_total{reason="no_endpoint"})"), "2");
    EXPECT_EQ(now.at("reverse_proxy_retry_budget_exhausted_total"), "2");
    EXPECT_EQ(now.at(R"(reverse_proxy_bytes_total{direction="in"})"), "20");
    EXPECT_EQ(now.at(R"(reverse_proxy_bytes_total{direction="out"})"), "40");
    EXPECT_EQ(now.at("reverse_proxy_client_connections"), "1");
    std::string const type{http::failure_status(core::FailureKind::connect_refused).error_type};
    EXPECT_EQ(now.at("reverse_proxy_failures_total{error=\"" + type + "\"}"), "2");
}

TEST_F(MetricsExporterTest, ShowsEndpointsAndProcess) {
    view_.draining = true;
    view_.fail_open = true;
    endpoint().healthy = false;
    endpoint().breaker_state = 2;
    endpoint().transitions_to[2] = 4;
    endpoint().probes_ok = 5;
    for (EndpointCells& cells : cells_) {
        cells.attempts[static_cast<unsigned>(AttemptOutcome::reset)].add(1);
        cells.retries[static_cast<unsigned>(RetryReason::status)].add(2);
        cells.connections_active.add(3);
        cells.connections_idle.add(4);
        cells.connections_opened.add(5);
        cells.stale_connections.add(6);
        cells.observe_latency(3ms);
    }
    auto const now = samples();
    auto const at = [&](std::string const& name, std::string const& more = "") {
        return now.at("reverse_proxy_" + name + R"({upstream="127.0.0.1:9000")" + more + "}");
    };
    EXPECT_EQ(now.at("reverse_proxy_draining"), "1");
    EXPECT_EQ(now.at("reverse_proxy_fail_open"), "1");
    EXPECT_EQ(now.at("reverse_proxy_in_flight_requests"), "3");
    EXPECT_EQ(now.at("reverse_proxy_in_flight_limit"), "1024");
    EXPECT_EQ(at("upstream_healthy"), "0");
    EXPECT_EQ(at("upstream_breaker_state"), "2");
    EXPECT_EQ(at("breaker_transitions_total", R"(,to="open")"), "4");
    EXPECT_EQ(at("health_probes_total", R"(,outcome="ok")"), "5");
    EXPECT_EQ(at("attempts_total", R"(,outcome="reset")"), "2");
    EXPECT_EQ(at("retries_total", R"(,reason="status")"), "4");
    EXPECT_EQ(at("upstream_connections", R"(,state="active")"), "6");
    EXPECT_EQ(at("upstream_connections", R"(,state="idle")"), "8");
    EXPECT_EQ(now.at("reverse_proxy_upstream_connections_opened_total"), "10");
    EXPECT_EQ(at("stale_connections_total"), "12");
    EXPECT_EQ(at("upstream_latency_seconds_bucket", R"(,le="0.0025")"), "0");
    EXPECT_EQ(at("upstream_latency_seconds_bucket", R"(,le="0.005")"), "2");
    EXPECT_EQ(at("upstream_latency_seconds_sum"), "0.006");
    EXPECT_GT(std::stod(now.at("process_resident_memory_bytes")), 1e6);
    EXPECT_GT(std::stod(now.at("process_open_fds")), 2);
    EXPECT_GT(std::stod(now.at("process_max_fds")), std::stod(now.at("process_open_fds")));
    EXPECT_GT(std::stod(now.at("process_start_time_seconds")), 1.7e9);
}

TEST_F(MetricsExporterTest, OpenedConnectionsDoNotFallWhenAnEndpointGoes) {
    std::string const name = "reverse_proxy_upstream_connections_opened_total";
    cells_[0].connections_opened.add(5);
    EXPECT_EQ(samples().at(name), "5");
    EndpointView const gone = endpoint();
    view_.endpoints.clear();
    EXPECT_EQ(samples().at(name), "5");
    EndpointCells fresh;
    fresh.connections_opened.add(2);
    view_.endpoints.push_back({gone.label, {&fresh}, true, 0, {0, 0, 0}, 0, 0});
    EXPECT_EQ(samples().at(name), "7");
    // Made anew under the same label between two scrapes.
    EndpointCells fresher;
    fresher.connections_opened.add(1);
    view_.endpoints.front().cells = {&fresher};
    EXPECT_EQ(samples().at(name), "8");
    fresher.connections_opened.add(1);
    EXPECT_EQ(samples().at(name), "9");
    view_.endpoints.clear();
}

TEST_F(MetricsExporterTest, QuantilesFollowTheWindowWhileSumAndCountStay) {
    std::string const labels = R"({method="GET",path="/",status="200",status_class="2xx")";
    auto const quantile = [&](auto const& now, std::string const& which) {
        return std::stod(
            now.at("request_latency_seconds" + labels + ",quantile=\"" + which + "\"}"));
    };
    for (int i = 0; i < 100; ++i)
        first_.request_finished(http::Method::get, "/", 200, i < 95 ? 1ms : 1s);
    auto now = samples(0s);
    EXPECT_NEAR(quantile(now, "0.5"), 0.001, 0.00005);
    EXPECT_NEAR(quantile(now, "0.9"), 0.001, 0.00005);
    EXPECT_NEAR(quantile(now, "0.99"), 1.0, 0.05);
    render(60s);
    for (int i = 0; i < 100; ++i)
        second_.request_finished(http::Method::get, "/", 200, 20ms);
    now = samples(120s);
    EXPECT_NEAR(quantile(now, "0.5"), 0.02, 0.001);
    EXPECT_NEAR(quantile(now, "0.99"), 0.02, 0.001);
    EXPECT_EQ(now.at("request_latency_seconds_count" + labels + "}"), "200");
    exporter_.rotate(kStart + 180s);
    now = samples(180s);
    EXPECT_TRUE(std::isnan(quantile(now, "0.5")));
    EXPECT_EQ(now.at("request_latency_seconds_count" + labels + "}"), "200");
}

TEST_F(MetricsExporterTest, WorksWithoutShardsAndEndpoints) {
    MetricsExporter exporter{{}, [] { return ProcessView{}; }};
    auto const now = samples_of(exporter.render(kStart));
    EXPECT_EQ(now.at("reverse_proxy_client_connections"), "0");
    EXPECT_EQ(now.count("reverse_proxy_upstream_healthy"), 0U);
}

TEST_F(MetricsExporterTest, SatisfiesPromtool) {
    if (std::system("command -v promtool >/dev/null") != 0) GTEST_SKIP() << "no promtool";
    first_.request_finished(http::Method::get, "/users/42", 200, 10ms);
    first_.request_finished(http::Method::other, "", 400, 10ms);
    render();
    exporter_.rotate(kStart + 60s);
    using reverse_proxy::test_support::os::give_to_command;
    EXPECT_EQ(give_to_command("promtool check metrics 1>&2", render(120s)), 0);
}

TEST_F(MetricsExporterTest, RendersWhileWorkersCount) {
    constexpr unsigned kRequests = 20'000;
    std::atomic<unsigned> running{2};
    auto const work = [&running](MetricsShard& shard, EndpointCells& cells) {
        std::string path = "/pxx";
        for (unsigned i = 0; i < kRequests; ++i) {
            path[2] = static_cast<char>('g' + i % 20);
            path[3] = static_cast<char>('g' + i / 20 % 20);
            shard.request_finished(http::Method::get, path, 200 + i % 2,
                                   std::chrono::microseconds{i});
            shard.stage_finished(Stage::routing, 1us);
            cells.attempts[0].add(1);
            cells.observe_latency(1ms);
        }
        running.fetch_sub(1);
    };
    std::thread first{work, std::ref(first_), std::ref(cells_[0])};
    std::thread second{work, std::ref(second_), std::ref(cells_[1])};
    unsigned renders = 0;
    double before = 0;
    do {
        auto const now = samples(renders * 61s);
        double const attempts = std::stod(
            now.at(R"(reverse_proxy_attempts_total{upstream="127.0.0.1:9000",outcome="ok"})"));
        EXPECT_GE(attempts, before);
        before = attempts;
        ++renders;
    } while (running.load() != 0);
    first.join();
    second.join();

    double requests = 0;
    for (auto const& [sample, value] : samples(renders * 61s))
        if (sample.starts_with("requests_total{")) requests += std::stod(value);
    EXPECT_EQ(requests, 2.0 * kRequests);
}
