// MAX_CONNECTIONS: past it accepting pauses, and the kernel's backlog holds the rest.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <deque>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

TEST(MaxConnections, TheRestWaitsAndIsServedLater) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.listener.workers = 1;
                           s.listener.max_connections = 2;
                       }};
    auto first = proxy.client();
    auto second = proxy.client();
    EXPECT_EQ(first.exchange(make_request("GET", "/1")).status, 200U);
    EXPECT_EQ(second.exchange(make_request("GET", "/2")).status, 200U);
    auto third = proxy.client();
    third.send(make_request("GET", "/3"));
    // Each of these lets the worker look at its listener, had it not paused.
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(first.exchange(make_request("GET", "/1")).status, 200U);
    }
    for (auto const& seen : origin.requests())
        EXPECT_NE(seen.target, "/3");
    first.close();
    EXPECT_EQ(third.read_response().status, 200U);
}

TEST(MaxConnections, TheAdminListenerAnswersAllTheSame) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.listener.max_connections = 1;
                           s.listener.admin_listen = {config::ListenAddress{"127.0.0.1", 0, ""}};
                       }};
    auto only = proxy.client();
    EXPECT_EQ(only.exchange(make_request("GET", "/")).status, 200U);
    auto probe = RawClient::tcp(proxy.admin_port());
    EXPECT_EQ(probe.exchange(make_request("GET", "/healthz")).status, 200U);
}

TEST(MaxConnections, EveryoneGetsATurnOverSeveralWorkers) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.listener.max_connections = 4; }};
    std::deque<RawClient> clients;
    for (int i = 0; i < 40; ++i) {
        clients.push_back(proxy.client());
        clients.back().send(make_request("GET", "/", {{"Connection", "close"}}));
    }
    for (auto& client : clients)
        EXPECT_EQ(client.read_response().status, 200U);
}

}  // namespace
}  // namespace reverse_proxy::integration
