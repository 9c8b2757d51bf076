// The race every proxy has: an origin closes a pooled connection just as it is used again. Shown by
// many trials; a single one proves nothing.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

void one_worker(config::Settings& settings) {
    settings.listener.workers = 1;
    settings.breaker.failure_threshold = 1;
}

TEST(StaleConnection, ClosedBeforeUseIsNoticedForEveryMethod) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, one_worker};
    auto client = proxy.client();
    for (int i = 0; i < 100; ++i) {
        auto const method = i % 2 == 0 ? "GET" : "POST";
        auto const response =
            client.exchange(make_request(method, "/", {{"X-Fault", "close_after"}}));
        ASSERT_EQ(response.status, 200U) << "trial " << i;
        ASSERT_TRUE(origin.wait_connections_open(0));
    }
    EXPECT_EQ(origin.requests().size(), 100U);
}

TEST(StaleConnection, ClosedAtAnyMomentIsHiddenFromAnIdempotentRequest) {
    FaultOrigin origin;
    origin.always("close_after");
    ProxyFixture proxy{origin, one_worker};
    auto client = proxy.client();
    for (int i = 0; i < 300; ++i) {
        ASSERT_EQ(client.exchange(make_request("GET", "/")).status, 200U) << "trial " << i;
    }
}

TEST(StaleConnection, ResetOnReuseIsHiddenFromAnIdempotentRequest) {
    FaultOrigin origin;
    origin.always("reset_on_reuse; echo");
    ProxyFixture proxy{origin, one_worker};
    for (int i = 0; i < 50; ++i) {
        auto const content = "content " + std::to_string(i);
        auto const response = proxy.send(make_request("PUT", "/", {}, content));
        ASSERT_EQ(response.status, 200U) << "trial " << i;
        ASSERT_EQ(response.content, content);
    }
    EXPECT_GE(proxy.metric("reverse_proxy_stale_connections_total"), 49);
    // The endpoint is not to blame: a threshold of 1 would have opened the breaker.
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_breaker_state"), 0);
}

// The race is the proxy's own doing: it costs the request neither an attempt nor a token.
TEST(StaleConnection, IsMadeUpForWhereRetriesAreOff) {
    FaultOrigin origin;
    origin.always("reset_on_reuse");
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           one_worker(s);
                           s.retry.max_attempts = 1;
                           s.retry.budget_percent = 0;
                       }};
    for (int i = 0; i < 20; ++i)
        ASSERT_EQ(proxy.get("/").status, 200U) << "trial " << i;
    EXPECT_GE(proxy.metric("reverse_proxy_retries_total", {{"reason", "stale"}}), 19);
    EXPECT_EQ(proxy.metric("reverse_proxy_retry_budget_exhausted_total"), 0);
}

// The origin may have done what the POST asked for: it is never sent twice.
TEST(StaleConnection, ResetOnReuseIsNotRetriedForAPost) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, one_worker};
    EXPECT_EQ(proxy.get_with_fault("reset_on_reuse").status, 200U);
    auto const response = proxy.send(make_request("POST", "/order", {}, "one pizza"));
    EXPECT_EQ(response.status, 502U);
    EXPECT_EQ(response.field("Proxy-Status"), "reverse-proxy; error=connection_terminated");
    std::size_t posts = 0;
    for (auto const& seen : origin.requests())
        posts += seen.method == "POST" ? 1 : 0;
    EXPECT_EQ(posts, 1U);
}

TEST(StaleConnection, AnAnnouncedCloseIsHeeded) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, one_worker};
    for (int i = 0; i < 20; ++i) {
        auto const response =
            proxy.send(make_request("POST", "/", {{"X-Fault", "close_announced"}}, "x"));
        ASSERT_EQ(response.status, 200U) << "trial " << i;
    }
}

TEST(StaleConnection, IdleConnectionsAreClosedInTime) {
    FaultOrigin origin;
    ProxyFixture proxy{origin,
                       [](config::Settings& s) { s.upstream.idle_timeout = milliseconds{300}; }};
    EXPECT_EQ(proxy.get("/").status, 200U);
    EXPECT_TRUE(origin.wait_connections_open(0));
}

TEST(StaleConnection, AShorterTimeOfTheOriginWins) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    EXPECT_EQ(proxy.get_with_fault("keep_alive_timeout=1").status, 200U);
    // UPSTREAM_IDLE_TIMEOUT_MS is 4 s: gone before 3 s is the origin's doing.
    EXPECT_TRUE(origin.wait_connections_open(0, within(milliseconds{3000})));
}

}  // namespace
}  // namespace reverse_proxy::integration
