// Shutdown without a lost request (contract, section 6). stop() is what SIGTERM does.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;
using std::chrono::seconds;

void delay_of_a_second(config::Settings& settings) {
    settings.shutdown.delay = seconds{1};
}
void grace_of_a_second(config::Settings& settings) {
    settings.shutdown.grace = seconds{1};
}

/// Connects until nobody listens any more; false where somebody still does at the bound.
bool wait_refused(ProxyFixture const& proxy) {
    auto const deadline = within();
    while (std::chrono::steady_clock::now() < deadline) {
        try {
            RawClient const somebody = proxy.client();
        } catch (std::runtime_error const&) {
            return true;
        }
    }
    return false;
}

TEST(Drain, OfAnIdleServerEndsAtOnce) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    EXPECT_EQ(proxy.get("/").status, 200U);
    proxy.stop();
    EXPECT_EQ(proxy.wait_exit(), 0);
    EXPECT_TRUE(origin.wait_connections_open(0)) << "pooled connections are left behind";
}

TEST(Drain, TellsBalancersFirst) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, delay_of_a_second};
    auto kept = proxy.client();
    EXPECT_TRUE(kept.exchange(make_request("GET", "/")).keeps_connection());
    proxy.stop();
    auto const deadline = within();
    Response ready;
    do {
        ready = proxy.get("/readyz");
    } while (ready.status == 200 && std::chrono::steady_clock::now() < deadline);
    EXPECT_EQ(ready.status, 503U);
    EXPECT_NE(ready.content.find("\"draining\""), std::string::npos);
    EXPECT_EQ(proxy.get("/healthz").status, 200U);
    EXPECT_EQ(proxy.metric("reverse_proxy_draining"), 1);
    // New requests are still served, on old connections and on new ones.
    auto const last = kept.exchange(make_request("GET", "/"));
    EXPECT_EQ(last.status, 200U);
    EXPECT_EQ(last.field("Connection"), "close");
    EXPECT_TRUE(kept.closed_without_a_byte());
    EXPECT_EQ(proxy.get("/").status, 200U);
    EXPECT_TRUE(wait_refused(proxy));
    EXPECT_EQ(proxy.wait_exit(), 0);
}

TEST(Drain, FinishesWhatIsInWork) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto thinking = proxy.client();
    thinking.send(make_request("GET", "/", {{"X-Fault", "gate=thinking"}}));
    auto receiving = proxy.client();
    receiving.send(make_request("GET", "/", {{"X-Fault", "size=100000; gate_mid=sending"}}));
    auto received = receiving.read_response_head();
    auto uploading = proxy.client();
    uploading.send(make_request("PUT", "/up", {{"Content-Length", "100000"}}) +
                   std::string(50'000, 'x'));
    ASSERT_TRUE(origin.wait_at_gate("thinking"));
    ASSERT_TRUE(origin.wait_for_requests(3));
    proxy.stop();
    ASSERT_TRUE(wait_refused(proxy));
    EXPECT_EQ(proxy.wait_exit(within(milliseconds{1})), -1) << "ended with requests in work";

    origin.release("sending");
    std::size_t size = 0;
    receiving.read_content(received, [&](auto piece) { size += piece.size(); });
    EXPECT_EQ(size, 100'000U);
    uploading.send(std::string(50'000, 'x'));
    auto const uploaded = uploading.read_response();
    EXPECT_EQ(uploaded.status, 200U);
    EXPECT_EQ(uploaded.field("Connection"), "close");
    origin.release("thinking");
    auto const thought = thinking.read_response();
    EXPECT_EQ(thought.status, 200U);
    EXPECT_EQ(thought.field("Connection"), "close");
    EXPECT_TRUE(thinking.closed_without_a_byte());
    EXPECT_EQ(proxy.wait_exit(), 0);
}

// What the kernel has accepted is served, though it waits for a place under MAX_CONNECTIONS.
TEST(Drain, ServesThoseThatWaitForAPlace) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.listener.workers = 1;
                           s.listener.max_connections = 1;
                       }};
    auto first = proxy.client();
    first.send(make_request("GET", "/", {{"X-Fault", "gate=work"}}));
    ASSERT_TRUE(origin.wait_at_gate("work"));
    std::vector<RawClient> waiting;
    for (int i = 0; i < 100; ++i) {
        waiting.push_back(proxy.client());
        waiting.back().send(make_request("GET", "/"));
    }
    proxy.stop();
    EXPECT_EQ(proxy.wait_exit(within(milliseconds{500})), -1) << "ended with requests in work";
    origin.release("work");
    EXPECT_EQ(first.read_response().status, 200U);
    for (auto& client : waiting)
        EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(proxy.wait_exit(), 0);
}

TEST(Drain, ClosesIdleConnections) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto working = proxy.client();
    working.send(make_request("GET", "/", {{"X-Fault", "gate=work"}}));
    ASSERT_TRUE(origin.wait_at_gate("work"));
    auto used = proxy.client();
    used.exchange(make_request("GET", "/"));
    proxy.stop();
    EXPECT_TRUE(used.closed_without_a_byte());
    origin.release("work");
    EXPECT_EQ(working.read_response().status, 200U);
    EXPECT_EQ(proxy.wait_exit(), 0);
}

TEST(Drain, CutsWhatIsLeftAfterTheGrace) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, grace_of_a_second};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "stall"}}));
    auto tunnel = proxy.client();
    tunnel.send(make_request(
        "GET", "/", {{"X-Fault", "upgrade"}, {"Connection", "Upgrade"}, {"Upgrade", "echo"}}));
    EXPECT_EQ(tunnel.read_response_head().status, 101U);
    ASSERT_TRUE(origin.wait_for_requests(2));
    auto const begin = std::chrono::steady_clock::now();
    proxy.stop();
    EXPECT_EQ(proxy.wait_exit(), 0);
    auto const took = std::chrono::steady_clock::now() - begin;
    EXPECT_GE(took, milliseconds{900});
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(tunnel.closed());
    EXPECT_TRUE(origin.wait_connections_open(0));
}

TEST(Drain, ASecondStopEndsAtOnce) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "stall"}}));
    ASSERT_TRUE(origin.wait_for_requests(1));
    proxy.stop();
    ASSERT_TRUE(wait_refused(proxy));
    proxy.stop();
    EXPECT_EQ(proxy.wait_exit(), 1);
    EXPECT_TRUE(client.closed());
}

TEST(Drain, ASecondStopInTheDelayEndsAtOnce) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.shutdown.delay = seconds{60}; }};
    proxy.stop();
    proxy.stop();
    EXPECT_EQ(proxy.wait_exit(), 1);
}

// A pipelined request behind the one in work was not begun: it may be dropped, not half-answered.
TEST(Drain, EndsAConnectionAfterTheRequestInWork) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/first", {{"X-Fault", "gate=first"}}));
    ASSERT_TRUE(origin.wait_at_gate("first"));
    proxy.stop();
    ASSERT_TRUE(wait_refused(proxy));
    client.send(make_request("GET", "/second"));
    origin.release("first");
    auto const first = client.read_response();
    EXPECT_EQ(first.status, 200U);
    EXPECT_EQ(first.field("Connection"), "close");
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_EQ(origin.requests().size(), 1U);
    EXPECT_EQ(proxy.wait_exit(), 0);
}

}  // namespace
}  // namespace reverse_proxy::integration
