// /healthz, /readyz, /metrics (contract, section 5).
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using nlohmann::json;
using std::chrono::milliseconds;

json json_of(Response const& response) {
    EXPECT_EQ(response.field("Content-Type"), "application/json");
    return json::parse(response.content);
}

void unreachable(config::Settings& settings) {
    settings.retry.max_attempts = 1;
    settings.breaker.failure_threshold = 1;
    settings.breaker.open_duration = milliseconds{60'000};
}

void separate(config::Settings& settings) {
    settings.listener.admin_listen = {config::ListenAddress{"127.0.0.1", 0, ""}};
}

TEST(Admin, TellsThatTheProcessWorks) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const health = proxy.get("/healthz");
    EXPECT_EQ(health.status, 200U);
    EXPECT_EQ(json_of(health), json::parse(R"({"status":"ok"})"));
    auto const ready = proxy.get("/readyz");
    EXPECT_EQ(ready.status, 200U);
    EXPECT_EQ(json_of(ready), json::parse(R"({"status":"ready"})"));
    EXPECT_EQ(proxy.get("/healthz?verbose=1").status, 200U);
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

TEST(Admin, TellsOfTheUpstreams) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get("/healthz?check=upstream");
    EXPECT_EQ(response.status, 200U);
    auto const body = json_of(response);
    EXPECT_EQ(body.at("status"), "ok");
    ASSERT_EQ(body.at("upstreams").size(), 1U);
    auto const& upstream = body.at("upstreams")[0];
    EXPECT_NE(upstream.at("url").get<std::string>().find(std::to_string(origin.port())),
              std::string::npos);
    EXPECT_EQ(upstream.at("healthy"), true);
    EXPECT_EQ(upstream.at("breaker"), "closed");
    EXPECT_EQ(upstream.at("eligible"), true);
}

TEST(Admin, TellsWhenNoUpstreamIsEligible) {
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, unreachable};
    EXPECT_EQ(proxy.get("/").status, 502U);
    auto const response = proxy.get("/healthz?check=upstream");
    EXPECT_EQ(response.status, 503U);
    auto const body = json_of(response);
    EXPECT_EQ(body.at("status"), "unavailable");
    EXPECT_EQ(body.at("upstreams")[0].at("breaker"), "open");
    EXPECT_EQ(body.at("upstreams")[0].at("eligible"), false);
    auto const ready = proxy.get("/readyz");
    EXPECT_EQ(ready.status, 503U);
    EXPECT_EQ(json_of(ready).at("status"), "no_upstream");
    EXPECT_EQ(proxy.get("/healthz").status, 200U) << "liveness must not hang on upstreams";
}

TEST(Admin, OneEligibleUpstreamIsEnough) {
    FaultOrigin origin;
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port()), upstream_at(origin)}, unreachable};
    proxy.get("/");
    proxy.get("/");
    EXPECT_EQ(proxy.get("/healthz?check=upstream").status, 200U);
    EXPECT_EQ(proxy.get("/readyz").status, 200U);
}

TEST(Admin, MetricsAreOfTheTextFormat) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get("/metrics");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.field("Content-Type").substr(0, 25), "text/plain; version=0.0.4");
    EXPECT_FALSE(parse_metrics(response.content).empty());
}

TEST(Admin, MetricsMayWantAToken) {
    FaultOrigin origin;
    ProxyFixture proxy{origin,
                       [](config::Settings& s) { s.telemetry.metrics_bearer_token = "s3cret"; }};
    for (FieldList const& fields :
         {FieldList{}, FieldList{{"Authorization", "Bearer wrong!"}},
          FieldList{{"Authorization", "Bearer s3cre"}},
          FieldList{{"Authorization", "Bearer s3crets"}},
          FieldList{{"Authorization", "Basic s3cret"}}, FieldList{{"Authorization", "Bearer "}}}) {
        auto const response = proxy.get("/metrics", fields);
        EXPECT_EQ(response.status, 401U);
        EXPECT_EQ(response.field("WWW-Authenticate").substr(0, 6), "Bearer");
        EXPECT_EQ(response.content.find("reverse_proxy_"), std::string::npos);
    }
    EXPECT_EQ(proxy.get("/metrics", {{"Authorization", "Bearer s3cret"}}).status, 200U);
    // RFC 9110, 11.1: the scheme is case-insensitive.
    EXPECT_EQ(proxy.get("/metrics", {{"Authorization", "bearer s3cret"}}).status, 200U);
    EXPECT_EQ(proxy.get("/healthz").status, 200U);
}

TEST(Admin, HeadIsGetWithoutContent) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    for (auto const* path : {"/healthz", "/readyz", "/metrics"}) {
        auto const head = client.exchange(make_request("HEAD", path));
        EXPECT_EQ(head.status, 200U) << path;
        EXPECT_FALSE(head.field("Content-Length").empty());
    }
    EXPECT_EQ(json_of(client.exchange(make_request("GET", "/healthz"))).at("status"), "ok");
}

TEST(Admin, OtherMethodsAreRefused) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (auto const* path : {"/healthz", "/readyz", "/metrics"}) {
        for (auto const* method : {"POST", "DELETE", "OPTIONS", "FOO"}) {
            auto const response = proxy.send(make_request(method, path, {}, "content"));
            EXPECT_EQ(response.status, 405U) << method << " " << path;
            EXPECT_EQ(response.field("Allow"), "GET, HEAD");
        }
    }
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

TEST(Admin, OnItsOwnListenerIsThereAlone) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, separate};
    for (auto const* path : {"/healthz", "/readyz", "/metrics"}) {
        EXPECT_EQ(proxy.get(path).field("X-Origin"), "origin") << path << " is the origin's now";
        auto admin = RawClient::tcp(proxy.admin_port());
        EXPECT_EQ(admin.exchange(make_request("GET", path)).status, 200U) << path;
    }
    auto admin = RawClient::tcp(proxy.admin_port());
    EXPECT_EQ(admin.exchange(make_request("GET", "/")).status, 404U);
    EXPECT_EQ(admin.exchange(make_request("GET", "/users/42")).status, 404U);
    EXPECT_EQ(admin.exchange(make_request("POST", "/readyz", {}, "x")).status, 405U);
    EXPECT_EQ(origin.requests().size(), 3U);
}

TEST(Admin, AConnectionServesAdminAndProxyInTurn) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/a") + make_request("GET", "/metrics") +
                make_request("GET", "/b") + make_request("GET", "/healthz"));
    EXPECT_EQ(client.read_response().content, "ok\n");
    EXPECT_NE(client.read_response().content.find("requests_total"), std::string::npos);
    EXPECT_EQ(client.read_response().content, "ok\n");
    EXPECT_EQ(json_of(client.read_response()).at("status"), "ok");
}

}  // namespace
}  // namespace reverse_proxy::integration
