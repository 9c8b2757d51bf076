// A client that goes away costs nobody anything: the attempt ends, 499 is counted, no endpoint is
// blamed, the permit comes back.
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

void breaker_at_once(config::Settings& settings) {
    settings.breaker.failure_threshold = 1;
}

void expect_all_given_back(ProxyFixture const& proxy) {
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "499"}}, 1));
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_breaker_state"), 0);
    EXPECT_EQ(proxy.get("/").status, 200U) << "the endpoint was blamed";
}

TEST(ClientAbort, WhileTheOriginThinks) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, breaker_at_once};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "stall"}}));
    ASSERT_TRUE(origin.wait_for_requests(1));
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 1));
    client.close();
    EXPECT_TRUE(origin.wait_client_closed(0)) << "the attempt goes on for nobody";
    expect_all_given_back(proxy);
}

TEST(ClientAbort, ByResetWhileTheOriginThinks) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, breaker_at_once};
    auto client = proxy.client();
    client.send(make_request("POST", "/", {{"X-Fault", "stall"}}, "content"));
    ASSERT_TRUE(origin.wait_for_requests(1));
    client.reset();
    EXPECT_TRUE(origin.wait_client_closed(0));
    expect_all_given_back(proxy);
}

TEST(ClientAbort, WhileTheResponseIsOnItsWay) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, breaker_at_once};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "size=1000; gate_mid=half"}}));
    EXPECT_EQ(client.read_response_head().status, 200U);
    client.reset();
    EXPECT_TRUE(origin.wait_client_closed(0));
    expect_all_given_back(proxy);
}

TEST(ClientAbort, WhileTheResponseFillsItsBuffers) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, breaker_at_once};
    auto client = proxy.client({.receive_buffer_bytes = 16 * 1024});
    client.send(make_request("GET", "/", {{"X-Fault", "size=67108864"}}));
    EXPECT_EQ(client.read_response_head().status, 200U);
    ASSERT_TRUE(origin.wait_blocked());
    client.reset();
    EXPECT_TRUE(origin.wait_connections_open(0));
    expect_all_given_back(proxy);
}

/// Sends until nobody takes more, for a second.
void fill(RawClient& client, std::size_t most) {
    std::string const piece = pattern(0, 1U << 20U);
    std::size_t sent = 0;
    while (sent < most) {
        std::size_t const taken = client.socket().send_some(
            std::string_view{piece}.substr(0, most - sent), std::chrono::seconds{1});
        if (taken == 0) return;
        sent += taken;
    }
    FAIL() << "all was taken";
}

// Content may lie before the reset, so that reading would not come to it.
TEST(ClientAbort, ByResetWhileTheOriginTakesNoContent) {
    if (os::is_windows()) GTEST_SKIP() << "it tells of a reset once all before it was read";
    for (std::string const fault : {"gate_content=never", "early_final; gate_mid=never; size=10"}) {
        FaultOrigin origin{{.socket = {.receive_buffer_bytes = 64 * 1024}}};
        ProxyFixture proxy{origin, breaker_at_once};
        constexpr std::size_t kSize = std::size_t{64} << 20U;
        auto client = proxy.client();
        client.send(make_request("POST", "/",
                                 {{"Content-Length", std::to_string(kSize)}, {"X-Fault", fault}}));
        ASSERT_NO_FATAL_FAILURE(fill(client, kSize));
        client.reset();
        expect_all_given_back(proxy);
        origin.release("never");
    }
}

TEST(ClientAbort, ByResetWhileTheOriginReadsNothingOfATunnel) {
    if (os::is_windows()) GTEST_SKIP() << "it tells of a reset once all before it was read";
    FaultOrigin origin{{.socket = {.receive_buffer_bytes = 64 * 1024}}};
    ProxyFixture proxy{origin, breaker_at_once};
    auto client = proxy.client();
    client.send(make_request(
        "GET", "/",
        {{"Connection", "Upgrade"}, {"Upgrade", "echo"}, {"X-Fault", "upgrade; gate_mid=never"}}));
    EXPECT_EQ(client.read_response_head().status, 101U);
    ASSERT_NO_FATAL_FAILURE(fill(client, std::size_t{64} << 20U));
    client.reset();
    expect_all_given_back(proxy);
    origin.release("never");
}

TEST(ClientAbort, LeavesNothingOfItsResponseForTheNext) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (int i = 0; i < 10; ++i) {
        auto client = proxy.client();
        client.send(make_request("GET", "/", {{"X-Fault", "size=200000; chunked"}}));
        client.read_response_head();
        client.reset();
        EXPECT_EQ(proxy.get("/").content, "ok\n");
    }
}

// A half-closed client has said all it wants to say and still reads (RFC 9112, 9.6 leaves it open;
// a request that came whole is answered).
TEST(ClientAbort, AHalfClosedClientIsEitherAnsweredOrGone) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"Connection", "close"}}));
    client.half_close();
    try {
        EXPECT_EQ(client.read_response().status, 200U);
    } catch (PeerClosed const&) {
        EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "499"}}, 1));
    }
}

TEST(ClientAbort, BeforeARequestIsNoRequest) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.client().close();
    proxy.client().reset();
    auto half = proxy.client();
    half.send("GET / HTTP/1.1\r\nHost:");
    half.reset();
    EXPECT_EQ(proxy.get("/").status, 200U);
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "200"}, {"path", "/"}}, 1));
    EXPECT_EQ(proxy.metric("requests_total", {{"status", "400"}}), 0);
    EXPECT_EQ(origin.requests().size(), 1U);
}

}  // namespace
}  // namespace reverse_proxy::integration
