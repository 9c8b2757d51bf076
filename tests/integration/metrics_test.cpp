// The names and labels that dashboards know (contract, section 7).
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

TEST(Metrics, AllFamiliesAreThere) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/");
    ASSERT_TRUE(proxy.wait_for_metric("requests_total", {{"path", "/"}}, 1));
    auto const samples = proxy.metrics();
    for (auto const* name : {"requests_total",
                             "request_latency_seconds",
                             "request_latency_seconds_sum",
                             "request_latency_seconds_count",
                             "reverse_proxy_request_duration_seconds_bucket",
                             "reverse_proxy_stage_duration_seconds_bucket",
                             "reverse_proxy_in_flight_requests",
                             "reverse_proxy_in_flight_limit",
                             "reverse_proxy_label_overflow_total",
                             "reverse_proxy_fail_open",
                             "reverse_proxy_stale_connections_total",
                             "reverse_proxy_attempts_total",
                             "reverse_proxy_retry_budget_exhausted_total",
                             "reverse_proxy_upstream_latency_seconds_bucket",
                             "reverse_proxy_upstream_healthy",
                             "reverse_proxy_upstream_breaker_state",
                             "reverse_proxy_upstream_connections",
                             "reverse_proxy_upstream_connections_opened_total",
                             "reverse_proxy_client_connections",
                             "reverse_proxy_bytes_total",
                             "reverse_proxy_draining",
                             "reverse_proxy_build_info",
                             "process_resident_memory_bytes",
                             "process_open_fds",
                             "process_cpu_seconds_total"}) {
        EXPECT_GT(samples_of(samples, name), 0U) << name;
    }
    for (auto const* quantile : {"0.5", "0.9", "0.99"}) {
        EXPECT_EQ(
            samples_of(samples, "request_latency_seconds", {{"quantile", quantile}, {"path", "/"}}),
            1U);
    }
    Labels const labels{
        {"method", "GET"}, {"path", "/"}, {"status", "200"}, {"status_class", "2xx"}};
    EXPECT_EQ(sum_of(samples, "requests_total", labels), 1);
    EXPECT_EQ(sum_of(samples, "request_latency_seconds_count", labels), 1);
    EXPECT_EQ(sum_of(samples, "reverse_proxy_build_info"), 1);
}

TEST(Metrics, PathsAreNormalised) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    for (auto const* path :
         {"/users/42", "/users/43?x=1", "/users/0b0a3d34-2c3f-4b55-8a7e-1f6f7f4c9a10",
          "/users/5f4dcc3b5aa765d61d8327deb882cf99"}) {
        client.exchange(make_request("GET", path));
    }
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"path", "/users/:id"}}, 4));
}

TEST(Metrics, LabelSetsAreBounded) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    constexpr int kPaths = 600;
    for (int i = 0; i < kPaths; ++i) {
        // Letters only: digits would be normalised away.
        std::string path = "/page-";
        path += static_cast<char>('a' + i % 26);
        path += static_cast<char>('a' + i / 26);
        client.exchange(make_request("GET", path));
    }
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "200"}}, kPaths));
    auto const samples = proxy.metrics();
    EXPECT_LE(samples_of(samples, "requests_total"), 520U);
    EXPECT_GE(sum_of(samples, "requests_total", {{"path", "other"}}), kPaths - 512);
    EXPECT_GE(sum_of(samples, "reverse_proxy_label_overflow_total"), kPaths - 512);
}

TEST(Metrics, BytesAndConnectionsAreCounted) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.send(make_request("POST", "/", {{"X-Fault", "size=5000"}}, std::string(3000, 'x')));
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"method", "POST"}}, 1));
    auto const samples = proxy.metrics();
    EXPECT_GE(sum_of(samples, "reverse_proxy_bytes_total", {{"direction", "in"}}), 3000);
    EXPECT_GE(sum_of(samples, "reverse_proxy_bytes_total", {{"direction", "out"}}), 5000);
    auto open = proxy.client();
    open.exchange(make_request("GET", "/"));
    // The one that scrapes is counted, too.
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_client_connections", {}, 2));
    open.close();
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_client_connections", {}, 1));
}

TEST(Metrics, AttemptsAddUpToTheRequests) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.breaker.enabled = false; }};
    auto client = proxy.client();
    for (auto const* script : {"", "status=503", "", "reset_before_head", "size=100000; chunked"}) {
        client.exchange(make_request("POST", "/x", {{"X-Fault", script}}, "content"));
    }
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"path", "/x"}}, 5));
    auto const samples = proxy.metrics();
    EXPECT_EQ(sum_of(samples, "reverse_proxy_attempts_total"), 5);
    EXPECT_EQ(sum_of(samples, "reverse_proxy_attempts_total", {{"outcome", "ok"}}), 3);
    EXPECT_EQ(sum_of(samples, "reverse_proxy_attempts_total", {{"outcome", "error_status"}}), 1);
}

}  // namespace
}  // namespace reverse_proxy::integration
