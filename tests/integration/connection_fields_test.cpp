// RFC 9110, 7.6.1: connection fields end at this hop, in both directions.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

TEST(ConnectionFields, OfARequestEndAtTheProxy) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"Connection", "keep-alive, X-Hop , x-other"},
                    {"Connection", "X-Third"},
                    {"X-Hop", "1"},
                    {"X-Other", "2"},
                    {"X-Third", "3"},
                    {"Keep-Alive", "timeout=5"},
                    {"Proxy-Connection", "keep-alive"}});
    auto const seen = origin.await_request(0);
    for (auto const* name : {"X-Hop", "X-Other", "X-Third", "Keep-Alive", "Proxy-Connection"}) {
        EXPECT_EQ(seen.count(name), 0U) << name;
    }
    EXPECT_EQ(seen.field("Connection").find("X-Hop"), std::string::npos);
}

TEST(ConnectionFields, OfAResponseEndAtTheProxy) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get_with_fault("extra=Connection:X-Hop, x-other; extra=X-Hop:1; "
                                               "extra=X-Other:2; extra=Proxy-Connection:x; "
                                               "extra=X-End:kept; keep_alive_timeout=30");
    for (auto const* name : {"X-Hop", "X-Other", "Keep-Alive", "Proxy-Connection"}) {
        EXPECT_FALSE(response.has(name)) << name;
    }
    EXPECT_EQ(response.field("X-End"), "kept");
}

TEST(ConnectionFields, OnlyTrailersOfTePasses) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"TE", "gzip;q=0.5, trailers"}, {"Connection", "TE"}});
    proxy.get("/", {{"TE", "gzip"}, {"Connection", "TE"}});
    EXPECT_EQ(origin.await_request(0).field("TE"), "trailers");
    EXPECT_EQ(origin.await_request(1).count("TE"), 0U);
}

TEST(ConnectionFields, UpgradeWithoutBeingNamedIsDropped) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"Upgrade", "websocket"}});
    EXPECT_EQ(origin.await_request(0).count("Upgrade"), 0U);
}

// A client that names end-to-end fields in Connection must not be able to take away what the proxy
// itself vouches for.
TEST(ConnectionFields, CannotTakeAwayWhatTheProxyWrites) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const response = client.exchange(make_request(
        "POST", "/", {{"Connection", "Host, Content-Length, X-Forwarded-For, X-Request-Id, Via"}},
        "hello"));
    EXPECT_EQ(response.status, 200U);
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.content, "hello");
    EXPECT_EQ(seen.field("Host"), "127.0.0.1:" + std::to_string(origin.port()));
    EXPECT_EQ(seen.field("X-Forwarded-For"), "127.0.0.1");
    EXPECT_EQ(seen.count("X-Request-Id"), 1U);
    EXPECT_EQ(seen.count("Via"), 1U);
}

TEST(ConnectionFields, EndToEndFieldsPassInOrder) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get("/", {{"Accept", "text/*;q=0.3, */*"},
                                          {"Cookie", "a=1"},
                                          {"X-Twice", "one"},
                                          {"Authorization", "Basic eDp5"},
                                          {"X-Twice", "two"},
                                          {"X-Empty", ""},
                                          {"X-Fault", "extra=Set-Cookie:a=1; extra=ETag:\"x\"; "
                                                      "extra=Set-Cookie:b=2"}});
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.field("Accept"), "text/*;q=0.3, */*");
    EXPECT_EQ(seen.field("Cookie"), "a=1");
    EXPECT_EQ(seen.field("Authorization"), "Basic eDp5");
    EXPECT_EQ(seen.field("X-Twice"), "one, two");
    EXPECT_EQ(seen.count("X-Twice"), 2U);
    EXPECT_EQ(seen.count("X-Empty"), 1U);
    EXPECT_EQ(response.field("Set-Cookie"), "a=1, b=2");
    EXPECT_EQ(count_of(response.fields, "Set-Cookie"), 2U);
    EXPECT_EQ(response.field("ETag"), "\"x\"");
}

}  // namespace
}  // namespace reverse_proxy::integration
