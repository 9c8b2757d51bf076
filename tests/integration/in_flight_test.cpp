// MAX_IN_FLIGHT: exact over all workers, held until the last byte, refused at once (contract, 2 and
// 3).
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <deque>
#include <set>
#include <vector>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

ProxyFixture::Adjust limit_of(std::size_t limit) {
    return [limit](config::Settings& s) { s.client.max_in_flight = limit; };
}

std::string held_at(std::string const& gate) {
    return make_request("GET", "/held", {{"X-Fault", "gate=" + gate}});
}

TEST(InFlight, IsExactOverAllWorkers) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(10)};
    std::deque<RawClient> clients;
    constexpr std::size_t kClients = 40;
    for (std::size_t i = 0; i < kClients; ++i)
        clients.push_back(proxy.client());
    for (auto& client : clients)
        client.send(held_at("all"));
    ASSERT_TRUE(origin.wait_at_gate("all", 10));
    // All refusals have come before the gate opens, so none of them waited for a place.
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_rejected_requests_total",
                                      {{"reason", "in_flight"}}, kClients - 10));
    EXPECT_EQ(origin.requests().size(), 10U);
    EXPECT_EQ(proxy.metric("reverse_proxy_in_flight_requests"), 10);
    EXPECT_EQ(proxy.metric("reverse_proxy_in_flight_limit"), 10);
    origin.release("all");
    std::size_t served = 0;
    std::size_t refused = 0;
    for (auto& client : clients) {
        auto const status = client.read_response().status;
        served += status == 200U ? 1 : 0;
        refused += status == 503U ? 1 : 0;
    }
    EXPECT_EQ(served, 10U);
    EXPECT_EQ(refused, kClients - 10);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
}

TEST(InFlight, ARefusalSaysWhenToComeBack) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto holder = proxy.client();
    holder.send(held_at("one"));
    ASSERT_TRUE(origin.wait_at_gate("one"));
    std::set<std::string> waits;
    auto client = proxy.client();
    for (int i = 0; i < 60; ++i) {
        auto const response = client.exchange(make_request("GET", "/"));
        ASSERT_EQ(response.status, 503U);
        EXPECT_EQ(response.field("Proxy-Status"), "reverse-proxy; error=connection_limit_reached");
        EXPECT_EQ(problem_of(response).status, 503U);
        waits.insert(response.field("Retry-After"));
    }
    // Drawn at random: that one of the three is missing has a chance of (2/3)^60, about 3e-11.
    EXPECT_EQ(waits, (std::set<std::string>{"1", "2", "3"}));
}

TEST(InFlight, AdminEndpointsAnswerUnderOverload) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto holder = proxy.client();
    holder.send(held_at("one"));
    ASSERT_TRUE(origin.wait_at_gate("one"));
    for (auto const* path : {"/healthz", "/readyz", "/metrics", "/healthz?check=upstream"}) {
        EXPECT_EQ(proxy.get(path).status, 200U) << path;
    }
}

// A refusal costs no wait and no origin: it comes while all places are held, and nothing of the
// request goes on. How long one takes is told, not judged; a busy machine is no failure.
TEST(InFlight, RefusalsStayFastWhileTheRestIsStuck) {
    FaultOrigin origin;
    constexpr std::size_t kStuck = 64;
    ProxyFixture proxy{origin, limit_of(kStuck)};
    std::deque<RawClient> stuck;
    for (std::size_t i = 0; i < kStuck; ++i) {
        stuck.push_back(proxy.client());
        stuck.back().send(held_at("stuck"));
    }
    ASSERT_TRUE(origin.wait_at_gate("stuck", kStuck));
    auto const bytes_before = origin.bytes_received();
    auto client = proxy.client();
    auto const request = make_request("GET", "/");
    std::vector<std::chrono::microseconds> took;
    for (int i = 0; i < 1001; ++i) {
        auto const begin = std::chrono::steady_clock::now();
        ASSERT_EQ(client.exchange(request).status, 503U);
        took.push_back(std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - begin));
    }
    std::sort(took.begin(), took.end());
    auto const median = took[took.size() / 2].count();
    RecordProperty("median_us", static_cast<int>(median));
    std::printf("a refusal takes %lld us (median), %lld us (99 %%)\n",
                static_cast<long long>(median), static_cast<long long>(took[990].count()));
    EXPECT_EQ(origin.request_count(), kStuck);
    EXPECT_EQ(origin.bytes_received(), bytes_before);
    EXPECT_TRUE(origin.wait_at_gate("stuck", kStuck)) << "somebody was let go";
    EXPECT_EQ(proxy.metric("reverse_proxy_rejected_requests_total", {{"reason", "in_flight"}}),
              1001);
    origin.release("stuck");
    for (auto& each : stuck)
        EXPECT_EQ(each.read_response().status, 200U);
}

// Origins that never answer hold places no longer than REQUEST_TIMEOUT_MS.
TEST(InFlight, StuckRequestsGiveTheirPlacesBack) {
    FaultOrigin stuck;
    FaultOrigin fast;
    stuck.always("stall");
    ProxyFixture proxy{{upstream_at(stuck), upstream_at(fast)}, [](config::Settings& s) {
                           s.client.max_in_flight = 8;
                           // Long enough for all eight to be there at once, on a busy machine too.
                           s.upstream.request_timeout = std::chrono::seconds{3};
                           s.breaker.enabled = false;
                       }};
    std::deque<RawClient> clients;
    for (int i = 0; i < 8; ++i) {
        clients.push_back(proxy.client());
        clients.back().send(make_request("GET", "/", {{"X-Fault", "stall"}}));
    }
    ASSERT_TRUE(stuck.wait_for_requests(4));
    ASSERT_TRUE(fast.wait_for_requests(4));
    EXPECT_EQ(proxy.get("/").status, 503U);
    for (auto& client : clients)
        EXPECT_EQ(client.read_response().status, 504U);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
    EXPECT_TRUE(stuck.wait_connections_open(0));
    auto const one = proxy.get("/").status;
    auto const other = proxy.get("/").status;
    EXPECT_TRUE(one == 200U || other == 200U) << "the fast one is served again";
}

TEST(InFlight, APermitIsHeldUntilTheLastByte) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto holder = proxy.client();
    holder.send(make_request("GET", "/", {{"X-Fault", "size=1000; gate_mid=half"}}));
    auto response = holder.read_response_head();
    EXPECT_EQ(proxy.get("/").status, 503U);
    origin.release("half");
    holder.read_content(response, [](auto) {});
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
    EXPECT_EQ(proxy.get("/").status, 200U);
}

TEST(InFlight, APermitIsHeldWhileAClientReadsSlowly) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto holder = proxy.client({.receive_buffer_bytes = 16 * 1024});
    holder.send(make_request("GET", "/", {{"X-Fault", "size=67108864"}}));
    ASSERT_TRUE(origin.wait_blocked());
    EXPECT_EQ(proxy.get("/").status, 503U);
    EXPECT_EQ(holder.read_response().content.size(), 67'108'864U);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
}

TEST(InFlight, ATunnelHoldsItsPermit) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto tunnel = proxy.client();
    tunnel.send(make_request(
        "GET", "/", {{"X-Fault", "upgrade"}, {"Connection", "Upgrade"}, {"Upgrade", "echo"}}));
    EXPECT_EQ(tunnel.read_response_head().status, 101U);
    EXPECT_EQ(proxy.get("/").status, 503U);
    tunnel.close();
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
    EXPECT_EQ(proxy.get("/").status, 200U);
}

TEST(InFlight, AnIdleConnectionHoldsNone) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto first = proxy.client();
    auto second = proxy.client();
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(first.exchange(make_request("GET", "/")).status, 200U);
        EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
        EXPECT_EQ(second.exchange(make_request("GET", "/")).status, 200U);
        EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
    }
}

// A refused upload: its content is not worth reading, but the answer must arrive.
TEST(InFlight, ARefusedUploadGetsItsAnswer) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, limit_of(1)};
    auto holder = proxy.client();
    holder.send(held_at("one"));
    ASSERT_TRUE(origin.wait_at_gate("one"));
    EXPECT_EQ(proxy.send(make_request("POST", "/", {}, std::string(50'000, 'x'))).status, 503U);
    EXPECT_EQ(origin.requests().size(), 1U);
}

}  // namespace
}  // namespace reverse_proxy::integration
