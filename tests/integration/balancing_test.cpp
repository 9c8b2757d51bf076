// Round-robin over the eligible endpoints, even over all workers; the breaker takes one out and
// lets it come back (contract, section 4).
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <map>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

TEST(Balancing, IsEvenOverConnectionsAndWorkers) {
    FaultOrigin a{{.name = "a"}};
    FaultOrigin b{{.name = "b"}};
    FaultOrigin c{{.name = "c"}};
    ProxyFixture proxy{{upstream_at(a), upstream_at(b), upstream_at(c)}};
    std::map<std::string, int> answers;
    for (int connection = 0; connection < 15; ++connection) {
        auto client = proxy.client();
        for (int i = 0; i < 4; ++i) {
            ++answers[client.exchange(make_request("GET", "/")).field("X-Origin")];
        }
    }
    EXPECT_EQ(answers, (std::map<std::string, int>{{"a", 20}, {"b", 20}, {"c", 20}}));
}

TEST(Balancing, ConnectionsToAnEndpointAreReused) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.listener.workers = 1; }};
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(proxy.get("/").status, 200U);
    EXPECT_EQ(origin.connections_accepted(), 1U);
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_connections_opened_total"), 1);
}

TEST(Balancing, IdleConnectionsAreBounded) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.listener.workers = 1;
                           s.upstream.max_idle = 2;
                       }};
    std::vector<RawClient> clients;
    for (int i = 0; i < 6; ++i)
        clients.push_back(proxy.client());
    for (auto& client : clients) {
        client.send(make_request("GET", "/", {{"X-Fault", "gate=all"}}));
    }
    ASSERT_TRUE(origin.wait_at_gate("all", 6));
    origin.release("all");
    for (auto& client : clients)
        EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_TRUE(origin.wait_connections_open(2));
}

TEST(Balancing, AnOpenBreakerTakesTheEndpointOut) {
    FaultOrigin good{{.name = "good"}};
    FaultOrigin bad{{.name = "bad"}};
    bad.always("status=503");
    ProxyFixture proxy{{upstream_at(good), upstream_at(bad)}, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 3;
                           s.breaker.open_duration = milliseconds{60'000};
                       }};
    for (int i = 0; i < 6; ++i)
        proxy.get("/");
    EXPECT_EQ(bad.requests().size(), 3U);
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(proxy.get("/").field("X-Origin"), "good");
    EXPECT_EQ(bad.requests().size(), 3U);
    EXPECT_TRUE(
        proxy.wait_for_metric("reverse_proxy_breaker_transitions_total", {{"to", "open"}}, 1));
}

TEST(Balancing, OtherAnswersDoNotOpenTheBreaker) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 1;
                       }};
    for (unsigned const status : {400U, 404U, 429U, 500U, 501U}) {
        EXPECT_EQ(proxy.get_with_fault("status=" + std::to_string(status)).status, status);
    }
    EXPECT_EQ(proxy.get("/").status, 200U);
}

TEST(Balancing, AnEndpointThatComesBackIsUsedAgain) {
    auto port = std::make_unique<RefusingPort>();
    auto const number = port->port();
    ProxyFixture proxy{{upstream_at("127.0.0.1", number)}, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 1;
                           s.breaker.open_duration = milliseconds{1000};
                       }};
    EXPECT_EQ(proxy.get("/").status, 502U);
    EXPECT_EQ(proxy.get("/").status, 503U);
    port.reset();
    FaultOrigin const origin{{.port = number}};
    auto const deadline = within();
    unsigned status = 503;
    while (status != 200 && std::chrono::steady_clock::now() < deadline) {
        status = proxy.get("/").status;
    }
    EXPECT_EQ(status, 200U);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_upstream_breaker_state", {}, 0));
}

TEST(Balancing, IsEvenOnceAnEndpointIsBack) {
    FaultOrigin a{{.name = "a"}};
    FaultOrigin b{{.name = "b"}};
    FaultOrigin c{{.name = "c"}};
    ProxyFixture proxy{{upstream_at(a), upstream_at(b), upstream_at(c)}, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 1;
                           s.breaker.open_duration = milliseconds{300};
                       }};
    auto const answers = [&](int count) {
        std::map<std::string, int> by_origin;
        for (int i = 0; i < count; ++i)
            ++by_origin[proxy.get("/").field("X-Origin")];
        return by_origin;
    };
    EXPECT_EQ(answers(1), (std::map<std::string, int>{{"a", 1}}));
    EXPECT_EQ(proxy.get_with_fault("status=503").field("X-Origin"), "b");
    ASSERT_TRUE(proxy.wait_for_metric("reverse_proxy_upstream_breaker_state", {}, 1))
        << "half open";
    auto const back = answers(30);
    EXPECT_EQ(back, (std::map<std::string, int>{{"a", 10}, {"b", 10}, {"c", 10}}));
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_breaker_state"), 0);
    for (auto const* state : {"open", "half_open", "closed"}) {
        EXPECT_EQ(proxy.metric("reverse_proxy_breaker_transitions_total", {{"to", state}}), 1)
            << state;
    }
}

// The probe's place is free again at once, not only after its lease.
TEST(Balancing, AProbeWhoseClientLeavesMakesRoomForTheNext) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 1;
                           s.breaker.open_duration = milliseconds{300};
                       }};
    EXPECT_EQ(proxy.get_with_fault("status=503").status, 503U);
    ASSERT_TRUE(proxy.wait_for_metric("reverse_proxy_upstream_breaker_state", {}, 1));
    auto leaving = proxy.client();
    leaving.send(make_request("GET", "/", {{"X-Fault", "gate=never"}}));
    ASSERT_TRUE(origin.wait_at_gate("never"));
    EXPECT_EQ(proxy.get("/").status, 503U);
    leaving.close();
    ASSERT_TRUE(origin.wait_client_closed(1));
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_attempts_total", {{"outcome", "aborted"}}, 1));
    EXPECT_EQ(proxy.get("/").status, 200U);
    EXPECT_EQ(proxy.metric("reverse_proxy_upstream_breaker_state"), 0);
}

TEST(Balancing, AHalfOpenBreakerLetsOneRequestProbe) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 1;
                           s.breaker.open_duration = milliseconds{300};
                       }};
    EXPECT_EQ(proxy.get_with_fault("status=503").status, 503U);
    // One request gets through once the breaker is half open; it stays at the gate.
    auto const deadline = within();
    std::vector<RawClient> clients;
    while (!origin.wait_at_gate("probe", 1, within(milliseconds{20})) &&
           std::chrono::steady_clock::now() < deadline) {
        clients.push_back(proxy.client());
        clients.back().send(make_request("GET", "/", {{"X-Fault", "gate=probe"}}));
    }
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(proxy.get("/").status, 503U);
    EXPECT_EQ(origin.requests().size(), 2U);
    origin.release("probe");
    std::map<unsigned, int> answers;
    for (RawClient& client : clients)
        ++answers[client.read_response().status];
    EXPECT_EQ(answers[200], 1);
    EXPECT_EQ(answers[503], static_cast<int>(clients.size()) - 1);
    EXPECT_EQ(proxy.get("/").status, 200U);
}

}  // namespace
}  // namespace reverse_proxy::integration
