// Active health probes (contract, section 2 and 4): who is probed, when, by how many connections,
// and what becomes of the traffic.
#include "tests/support/proxy_fixture.hpp"

#include <boost/asio/ip/address.hpp>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <map>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using nlohmann::json;
using std::chrono::duration;
using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr auto kPath = "/health";
constexpr seconds kOnce{3600};  // the first probe, and no other within the test
constexpr seconds kOneByOne{0};

// Where probes follow each other without a pause the origin makes one.
std::string unhurried(std::string const& script) {
    return script + "; delay=5";
}

ProxyFixture::Adjust probing(seconds interval, ProxyFixture::Adjust const& more = {}) {
    return [=](config::Settings& s) {
        s.health.enabled = true;
        s.health.path = kPath;
        s.health.interval = interval;
        s.health.timeout = kBound;
        s.health.healthy_threshold = 1;
        s.health.unhealthy_threshold = 1;
        s.breaker.enabled = false;
        s.retry.max_attempts = 1;
        if (more) more(s);
    };
}

bool is_probe(SeenRequest const& request) {
    return request.field("User-Agent") == "reverse-proxy-healthcheck";
}

std::size_t probes_at(FaultOrigin const& origin) {
    auto const seen = origin.requests();
    return static_cast<std::size_t>(std::count_if(seen.begin(), seen.end(), is_probe));
}

std::string label_of(std::uint16_t port) {
    return "127.0.0.1:" + std::to_string(port);
}

bool wait_healthy(ProxyFixture const& proxy, std::uint16_t port, bool healthy) {
    return proxy.wait_for_metric("reverse_proxy_upstream_healthy", {{"upstream", label_of(port)}},
                                 healthy ? 1 : 0);
}

/// Answers by X-Origin of `count` requests; those that are none count under their status.
std::map<std::string, int> answers(ProxyFixture const& proxy, int count) {
    std::map<std::string, int> by_origin;
    for (int i = 0; i < count; ++i) {
        auto const response = proxy.get("/");
        ++by_origin[response.status == 200U ? response.field("X-Origin")
                                            : std::to_string(response.status)];
    }
    return by_origin;
}

TEST(HealthProbes, EachEndpointGetsOneAtOnceHoweverManyWorkersThereAre) {
    FaultOrigin a{{.name = "a"}};
    FaultOrigin b{{.name = "b"}};
    ProxyFixture proxy{{upstream_at(a), upstream_at(b)},
                       probing(kOnce, [](config::Settings& s) { s.listener.workers = 4; })};
    ASSERT_TRUE(proxy.wait_for_metric("reverse_proxy_health_probes_total", {{"outcome", "ok"}}, 2));
    // Every worker has work now, so that one which probed would have done so.
    for (int i = 0; i < 40; ++i)
        ASSERT_EQ(proxy.get("/").status, 200U);
    for (FaultOrigin const* origin : {&a, &b}) {
        EXPECT_EQ(probes_at(*origin), 1U);
        auto const first = origin->await_request(0);
        EXPECT_EQ(first.method + " " + first.target, "GET /health");
    }
    EXPECT_EQ(proxy.metric("reverse_proxy_health_probes_total"), 2);
}

TEST(HealthProbes, ComeOncePerInterval) {
    FaultOrigin origin;
    auto const begin = steady_clock::now();
    ProxyFixture proxy{origin,
                       probing(seconds{1}, [](config::Settings& s) { s.listener.workers = 4; })};
    ASSERT_TRUE(origin.wait_for_requests(3));
    // A tenth of jitter; a slow machine makes them fewer, never more.
    duration<double> const passed = steady_clock::now() - begin;
    EXPECT_LE(static_cast<double>(origin.request_count()), 1 + passed.count() / 0.9);
}

TEST(HealthProbes, HaveConnectionsOfTheirOwn) {
    FaultOrigin origin;
    origin.always_for(kPath, unhurried("status=200"));
    ProxyFixture proxy{origin, probing(kOneByOne)};
    auto client = proxy.client();
    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(client.exchange(make_request("GET", "/")).status, 200U);
    ASSERT_TRUE(origin.wait_for_requests(20 + 3));
    std::map<std::size_t, std::size_t> probes_on;
    std::map<std::size_t, std::size_t> requests_on;
    for (auto const& seen : origin.requests())
        ++(is_probe(seen) ? probes_on : requests_on)[seen.connection];
    ASSERT_GE(probes_on.size(), 2U);
    for (auto const& [connection, count] : probes_on) {
        EXPECT_EQ(count, 1U);
        EXPECT_EQ(requests_on.count(connection), 0U);
    }
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_attempts_total", {}, 20));
    EXPECT_EQ(proxy.metric("reverse_proxy_attempts_total"), 20) << "a probe is no attempt";
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_connections_opened_total"),
              static_cast<double>(requests_on.size()));
}

// Told by the gates what the state is while the next probe is under way.
TEST(HealthProbes, TurnAtTheirThresholdsBothWays) {
    FaultOrigin origin;
    for (auto const* script :
         {"status=500", "status=200", "status=500", "gate=flapping", "status=500", "status=500",
          "gate=down", "status=200", "status=500", "status=200", "status=302", "gate=nearly_up"})
        origin.next(script);
    origin.always(unhurried("status=200"));
    ProxyFixture proxy{origin, probing(kOneByOne, [](config::Settings& s) {
                           s.health.healthy_threshold = 3;
                           s.health.unhealthy_threshold = 2;
                       })};
    auto const healthy = [&] { return proxy.metric("reverse_proxy_upstream_healthy") == 1; };
    ASSERT_TRUE(origin.wait_at_gate("flapping"));
    EXPECT_TRUE(healthy()) << "failures that do not follow each other";
    origin.release("flapping");
    ASSERT_TRUE(origin.wait_at_gate("down"));
    EXPECT_FALSE(healthy());
    auto const state = json::parse(proxy.get("/healthz?check=upstream").content);
    EXPECT_EQ(state.at("upstreams")[0].at("healthy"), false);
    EXPECT_EQ(state.at("upstreams")[0].at("eligible"), false);
    origin.release("down");
    ASSERT_TRUE(origin.wait_at_gate("nearly_up"));
    EXPECT_FALSE(healthy()) << "two successes in a row are not three";
    origin.release("nearly_up");
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_upstream_healthy", {}, 1));
    EXPECT_EQ(proxy.metric("reverse_proxy_health_probes_total", {{"outcome", "failed"}}), 5);
}

TEST(HealthProbes, TakeTheTrafficElsewhereAndEvenlyBack) {
    FaultOrigin a{{.name = "a"}};
    FaultOrigin b{{.name = "b"}};
    FaultOrigin c{{.name = "c"}};
    for (FaultOrigin* origin : {&a, &b, &c})
        origin->always_for(kPath, unhurried("status=200"));
    ProxyFixture proxy{{upstream_at(a), upstream_at(b), upstream_at(c)}, probing(kOneByOne)};
    EXPECT_EQ(answers(proxy, 30), (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
    // Flapping: each time all its traffic goes to both others alike, and comes back.
    for (int round = 0; round < 3; ++round) {
        b.always_for(kPath, unhurried("status=503"));
        ASSERT_TRUE(wait_healthy(proxy, b.port(), false));
        EXPECT_EQ(answers(proxy, 20), (std::map<std::string, int>{{"a", 10}, {"c", 10}}));
        b.always_for(kPath, unhurried("status=200"));
        ASSERT_TRUE(wait_healthy(proxy, b.port(), true));
        EXPECT_EQ(answers(proxy, 30),
                  (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
    }
    EXPECT_EQ(proxy.metric("reverse_proxy_failures_total"), 0);
}

TEST(HealthProbes, OneThatIsNotAnsweredInTimeHasFailed) {
    FaultOrigin origin;
    origin.always_for(kPath, "stall");
    ProxyFixture proxy{
        origin, probing(kOnce, [](config::Settings& s) { s.health.timeout = milliseconds{100}; })};
    EXPECT_TRUE(wait_healthy(proxy, origin.port(), false));
    EXPECT_TRUE(origin.wait_client_closed(0)) << "and its connection is left behind";
}

TEST(HealthProbes, GoOnWhileUnhealthyAndWhileDraining) {
    FaultOrigin origin;
    origin.always_for(kPath, unhurried("status=503"));
    ProxyFixture proxy{origin, probing(kOneByOne, [](config::Settings& s) {
                           s.health.fail_open = true;  // so that a request can be held
                       })};
    ASSERT_TRUE(wait_healthy(proxy, origin.port(), false));
    ASSERT_TRUE(origin.wait_for_requests(origin.request_count() + 3)) << "while unhealthy";
    auto held = proxy.client();
    held.send(make_request("GET", "/", {{"X-Fault", "gate=held"}}));
    ASSERT_TRUE(origin.wait_at_gate("held"));
    proxy.stop();
    ASSERT_TRUE(held.socket().is_open());
    auto const before = origin.request_count();
    EXPECT_TRUE(origin.wait_for_requests(before + 5)) << "while draining";
    origin.release("held");
    EXPECT_EQ(held.read_response().status, 200U);
    EXPECT_EQ(proxy.wait_exit(), 0);
}

TEST(HealthProbes, AllDownAndBackWithoutARestart) {
    auto a = std::make_unique<FaultOrigin>(FaultOrigin::Options{.name = "a"});
    auto b = std::make_unique<FaultOrigin>(FaultOrigin::Options{.name = "b"});
    auto const port_a = a->port();
    auto const port_b = b->port();
    ProxyFixture proxy{{upstream_at(*a), upstream_at(*b)}, probing(seconds{1})};
    EXPECT_EQ(answers(proxy, 4), (std::map<std::string, int>{{"a", 2}, {"b", 2}}));
    EXPECT_EQ(proxy.get("/readyz").status, 200U);

    a.reset();
    b.reset();
    ASSERT_TRUE(wait_healthy(proxy, port_a, false));
    ASSERT_TRUE(wait_healthy(proxy, port_b, false));
    auto const refused = proxy.get("/");
    EXPECT_EQ(refused.status, 503U);
    EXPECT_EQ(refused.field("Proxy-Status"), "reverse-proxy; error=destination_unavailable");
    auto const wait = std::stoi(refused.field("Retry-After"));
    EXPECT_GE(wait, 1);
    EXPECT_LE(wait, 2) << "a second and its jitter, rounded up";
    auto const ready = proxy.get("/readyz");
    EXPECT_EQ(ready.status, 503U);
    EXPECT_EQ(json::parse(ready.content).at("status"), "no_upstream");
    EXPECT_EQ(proxy.get("/healthz").status, 200U);
    EXPECT_GE(proxy.metric("reverse_proxy_rejected_requests_total", {{"reason", "no_endpoint"}}),
              1);

    a = std::make_unique<FaultOrigin>(FaultOrigin::Options{.name = "a", .port = port_a});
    b = std::make_unique<FaultOrigin>(FaultOrigin::Options{.name = "b", .port = port_b});
    ASSERT_TRUE(wait_healthy(proxy, port_a, true));
    ASSERT_TRUE(wait_healthy(proxy, port_b, true));
    EXPECT_EQ(proxy.get("/readyz").status, 200U);
    EXPECT_EQ(answers(proxy, 4), (std::map<std::string, int>{{"a", 2}, {"b", 2}}));
}

TEST(HealthProbes, RetryAfterIsTheTimeUntilTheNextOne) {
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, probing(seconds{100})};
    ASSERT_TRUE(wait_healthy(proxy, port.port(), false));
    auto const wait = std::stoi(proxy.get("/").field("Retry-After"));
    EXPECT_GE(wait, 90 - kBound.count());
    EXPECT_LE(wait, 110);
}

// Whichever comes first: another breaker's half-open, or the probe.
TEST(HealthProbes, RetryAfterIsTheTimeUntilABreakerHalfOpensIfThatIsSooner) {
    FaultOrigin origin;
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port()), upstream_at(origin)},
                       probing(seconds{1000}, [](config::Settings& s) {
                           s.breaker.enabled = true;
                           s.breaker.failure_threshold = 1;
                           s.breaker.open_duration = seconds{100};
                       })};
    ASSERT_TRUE(wait_healthy(proxy, port.port(), false));
    EXPECT_EQ(proxy.get_with_fault("status=503").status, 503U);
    auto const wait = std::stoi(proxy.get("/").field("Retry-After"));
    EXPECT_GE(wait, 100 - kBound.count());
    EXPECT_LE(wait, 100);
}

TEST(HealthProbes, FailOpenRoutesToAllWhileNoneIsHealthy) {
    FaultOrigin a{{.name = "a"}};
    FaultOrigin b{{.name = "b"}};
    for (FaultOrigin* origin : {&a, &b})
        origin->always_for(kPath, unhurried("status=503"));
    ProxyFixture proxy{{upstream_at(a), upstream_at(b)},
                       probing(kOneByOne, [](config::Settings& s) { s.health.fail_open = true; })};
    ASSERT_TRUE(proxy.wait_for_metric("reverse_proxy_fail_open", {}, 1));
    EXPECT_EQ(answers(proxy, 10), (std::map<std::string, int>{{"a", 5}, {"b", 5}}));
    EXPECT_EQ(proxy.get("/readyz").status, 200U);
    auto const state = json::parse(proxy.get("/healthz?check=upstream").content);
    EXPECT_EQ(state.at("upstreams")[0].at("healthy"), false);
    EXPECT_EQ(state.at("upstreams")[0].at("eligible"), true);
    a.always_for(kPath, unhurried("status=200"));
    ASSERT_TRUE(proxy.wait_for_metric("reverse_proxy_fail_open", {}, 0));
    EXPECT_EQ(answers(proxy, 10), (std::map<std::string, int>{{"a", 10}}));
}

TEST(HealthProbes, WithoutFailOpenNobodyIsAskedWhileNoneIsHealthy) {
    FaultOrigin origin;
    origin.always_for(kPath, "status=503");
    ProxyFixture proxy{origin, probing(kOnce)};
    ASSERT_TRUE(wait_healthy(proxy, origin.port(), false));
    EXPECT_EQ(proxy.get("/").status, 503U);
    EXPECT_EQ(origin.request_count(), 1U) << "the probe alone";
    EXPECT_EQ(proxy.metric("reverse_proxy_fail_open"), 0);
}

TEST(HealthProbes, EveryAddressBehindANameIsAnEndpointOfItsOwn) {
    FaultOrigin one{{.name = "one"}};
    FaultOrigin other{{.name = "other", .address = "127.0.0.2", .port = one.port()}};
    for (FaultOrigin* origin : {&one, &other})
        origin->always_for(kPath, unhurried("status=200"));
    ProxyFixture proxy{{upstream_at("shop.example", one.port())},
                       probing(kOneByOne),
                       [](std::string const&, upstream::LookupHandler const& handler) {
                           handler({}, {boost::asio::ip::make_address("127.0.0.1"),
                                        boost::asio::ip::make_address("127.0.0.2")});
                       }};
    EXPECT_EQ(answers(proxy, 10), (std::map<std::string, int>{{"one", 5}, {"other", 5}}));
    auto const state = json::parse(proxy.get("/healthz?check=upstream").content);
    ASSERT_EQ(state.at("upstreams").size(), 2U);

    other.always_for(kPath, unhurried("status=503"));
    auto const name = "shop.example:" + std::to_string(one.port());
    ASSERT_TRUE(proxy.wait_for_metric("reverse_proxy_upstream_healthy",
                                      {{"upstream", name + "@127.0.0.2"}}, 0));
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_healthy", {{"upstream", name + "@127.0.0.1"}}),
              1);
    EXPECT_EQ(answers(proxy, 10), (std::map<std::string, int>{{"one", 10}}));
}

}  // namespace
}  // namespace reverse_proxy::integration
