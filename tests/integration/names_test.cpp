// Upstreams named by host name, resolved off the request's path.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

TEST(Names, LocalhostIsAnUpstream) {
    FaultOrigin origin;
    ProxyFixture proxy{{upstream_at("localhost", origin.port())},
                       [](config::Settings& s) { s.retry.budget_percent = 100; }};
    // It may have an IPv6 address, too, where nobody listens: connect failures go on to the next.
    for (std::size_t i = 0; i < 10; ++i) {
        auto const method = i % 2 == 0 ? "GET" : "POST";
        EXPECT_EQ(proxy.send(make_request(method, "/", {}, "content")).status, 200U);
        EXPECT_EQ(origin.await_request(i).field("Host"),
                  "localhost:" + std::to_string(origin.port()));
    }
}

TEST(Names, OneThatDoesNotResolveLeavesTheOthersAlone) {
    FaultOrigin origin;
    ProxyFixture proxy{{upstream_at("no-such-host.invalid", 80), upstream_at(origin)},
                       [](config::Settings& s) { s.retry.budget_percent = 100; }};
    for (int i = 0; i < 10; ++i)
        EXPECT_EQ(proxy.get("/").status, 200U);
}

}  // namespace
}  // namespace reverse_proxy::integration
