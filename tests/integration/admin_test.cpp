// /healthz, /readyz, /metrics, /status (contract, section 5; docs/status.md).
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

/// As every answer of the proxy's own (contract, section 3).
void expect_refusal(Response const& response) {
    Problem const problem = problem_of(response);
    EXPECT_EQ(problem.type, "about:blank");
    EXPECT_EQ(problem.status, response.status);
    EXPECT_EQ(problem.request_id, response.field("X-Request-Id"));
    EXPECT_EQ(problem.request_id.size(), 32U);
    EXPECT_EQ(response.field("Proxy-Status"), "reverse-proxy; error=http_request_error");
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
        expect_refusal(response);
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
            expect_refusal(response);
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
    auto const unknown = admin.exchange(make_request("GET", "/"));
    EXPECT_EQ(unknown.status, 404U);
    expect_refusal(unknown);
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

Response at_admin(ProxyFixture const& proxy, std::string_view target,
                  FieldList const& fields = {}) {
    auto client = RawClient::tcp(proxy.admin_port());
    return client.exchange(make_request("GET", target, fields));
}

/// Asks until the history, which steps every two seconds, has seen so many requests.
json status_after(ProxyFixture const& proxy, unsigned requests) {
    Deadline const deadline = within();
    for (;;) {
        json status = json_of(at_admin(proxy, "/status.json"));
        if (status.at("history").at("totals").at("requests") == requests) return status;
        if (std::chrono::steady_clock::now() > deadline) return status;
    }
}

// One connection full of requests that need not wait must not keep the worker for itself.
TEST(Admin, ManyRequestsInARowLeaveOthersTheirTurn) {
    FaultOrigin origin;
    std::string many;
    for (int i = 0; i < 3000; ++i)
        many += "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    bool others_came_first = false;
    for (int attempt = 0; attempt < 5 && !others_came_first; ++attempt) {
        ProxyFixture proxy{origin, [](config::Settings& s) { s.listener.workers = 1; }};
        auto other = proxy.client();
        EXPECT_EQ(other.exchange(make_request("GET", "/")).status, 200U);
        auto greedy = proxy.client();
        std::size_t const before = origin.requests().size();
        greedy.send(many + make_request("GET", "/greedy"));
        EXPECT_EQ(greedy.read_response().status, 200U);
        other.send(make_request("GET", "/other"));
        EXPECT_EQ(other.read_response().status, 200U);
        others_came_first = origin.await_request(before).target == "/other";
    }
    EXPECT_TRUE(others_came_first);
}

TEST(Admin, StatusPageIsOnTheMainListenerWhereItIsWanted) {
    FaultOrigin origin;
    ProxyFixture without{origin};
    EXPECT_EQ(without.get("/status").field("X-Origin"), "origin");
    EXPECT_EQ(without.get("/status.json").field("X-Origin"), "origin");
    ProxyFixture with{origin, [](config::Settings& s) { s.telemetry.status_page = true; }};
    EXPECT_NE(with.get("/status").content.find("<!doctype html>"), std::string::npos);
    EXPECT_EQ(json_of(with.get("/status.json")).at("state"), "ready");
    EXPECT_EQ(with.get("/status/").field("X-Origin"), "origin");
}

TEST(Admin, StatusIsOnTheAdminListenerAlone) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           separate(s);
                           s.telemetry.status_page = true;
                       }};
    EXPECT_EQ(proxy.get("/status").field("X-Origin"), "origin");
    EXPECT_EQ(proxy.get("/status.json").field("X-Origin"), "origin");
    for (auto const* path : {"/status", "/status.json"}) {
        auto client = RawClient::tcp(proxy.admin_port());
        auto const head = client.exchange(make_request("HEAD", path));
        EXPECT_EQ(head.status, 200U) << path;
        EXPECT_TRUE(head.content.empty());
        EXPECT_NE(head.field("Content-Length"), "0");
        auto const post = client.exchange(make_request("POST", path, {}, "x"));
        EXPECT_EQ(post.status, 405U) << path;
        EXPECT_EQ(post.field("Allow"), "GET, HEAD");
    }
    EXPECT_EQ(at_admin(proxy, "/status.js").status, 404U);
}

TEST(Admin, StatusMayWantAToken) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           separate(s);
                           s.telemetry.metrics_bearer_token = "s3cret";
                       }};
    EXPECT_EQ(at_admin(proxy, "/status").status, 200U);
    auto const refused = at_admin(proxy, "/status.json");
    EXPECT_EQ(refused.status, 401U);
    EXPECT_EQ(refused.field("WWW-Authenticate").substr(0, 6), "Bearer");
    EXPECT_EQ(refused.content.find("endpoints"), std::string::npos);
    EXPECT_EQ(at_admin(proxy, "/status.json", {{"Authorization", "Bearer s3cret"}}).status, 200U);
}

TEST(Admin, StatusTellsOfTheTrafficAndNotOfItself) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, separate};
    at_admin(proxy, "/status");
    at_admin(proxy, "/nothing");
    for (int i = 0; i < 5; ++i)
        EXPECT_EQ(proxy.get("/").status, 200U);
    json const status = status_after(proxy, 5);
    EXPECT_EQ(status.at("history").at("totals").at("requests"), 5);
    EXPECT_EQ(status.at("last_minute").at("client_errors"), 0);
    EXPECT_EQ(status.at("endpoints").at(0).at("attempts"), 5);
    EXPECT_EQ(status.at("endpoints").at(0).at("share"), 1.0);
    EXPECT_EQ(status.at("in_flight").at("now"), 0);
}

TEST(Admin, StatusTellsOfTransitions) {
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, [](config::Settings& s) {
                           separate(s);
                           unreachable(s);
                       }};
    EXPECT_EQ(json_of(at_admin(proxy, "/status.json")).at("transitions").size(), 0U);
    EXPECT_EQ(proxy.get("/").status, 502U);
    json const status = json_of(at_admin(proxy, "/status.json"));
    EXPECT_EQ(status.at("state"), "no_upstream");
    EXPECT_EQ(status.at("endpoints").at(0).at("breaker"), "open");
    ASSERT_EQ(status.at("transitions").size(), 1U);
    json const& transition = status.at("transitions").at(0);
    EXPECT_EQ(transition.at("of"), "breaker");
    EXPECT_EQ(transition.at("to"), "open");
    EXPECT_EQ(transition.at("endpoint"), status.at("endpoints").at(0).at("endpoint"));
}

}  // namespace
}  // namespace reverse_proxy::integration
