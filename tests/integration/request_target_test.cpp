// Path and query reach the origin byte for byte; what is no valid target never does.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

TEST(RequestTarget, PassesByteForByte) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    std::vector<std::string> const targets{
        "/",          "/a%2Fb",         "//double//slash",    "/a%20b+c",      "/../x/./y",
        "/%e4%B8%ad", "/q?a=1&b=%26&c", "/q?x=http://y/?z=1", "/semi;colon=1", "/?",
        "/*",         "/a:b@c",         "/~t!$&'()*+,;=",     "/healthz/",     "/metricsx",
    };
    for (std::size_t i = 0; i < targets.size(); ++i) {
        EXPECT_EQ(proxy.get(targets[i]).status, 200U) << targets[i];
        EXPECT_EQ(origin.await_request(i).target, targets[i]);
    }
}

TEST(RequestTarget, GetsTheUpstreamsPrefixInFront) {
    FaultOrigin origin;
    ProxyFixture proxy{{upstream_at("127.0.0.1", origin.port(), "/base/v1")}};
    proxy.get("/");
    proxy.get("//x%2Fy?q=/");
    EXPECT_EQ(origin.await_request(0).target, "/base/v1/");
    EXPECT_EQ(origin.await_request(1).target, "/base/v1//x%2Fy?q=/");
}

TEST(RequestTarget, AbsoluteFormIsReadWhereHostAgrees) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.send("GET http://shop.example:81/cart?x=1 HTTP/1.1\r\nHost: shop.example:81\r\n\r\n");
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.target, "/cart?x=1");
    EXPECT_EQ(seen.field("X-Forwarded-Host"), "shop.example:81");
    proxy.send("GET http://shop.example HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    EXPECT_EQ(origin.await_request(1).target, "/");
    // A Host that says something else is read differently by different readers.
    EXPECT_EQ(proxy.send("GET http://shop.example/ HTTP/1.1\r\nHost: other.example\r\n\r\n").status,
              400U);
}

TEST(RequestTarget, AsteriskFormPassesWithOptions) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    EXPECT_EQ(proxy.send(make_request("OPTIONS", "*")).status, 200U);
    EXPECT_EQ(origin.await_request(0).target, "*");
}

TEST(RequestTarget, InvalidOnesAreRefused) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    std::vector<std::string> const targets{
        "no-slash",  "/a#fragment",   "/a b", "/tab\there",         "/\x01",
        "/\xc3\xa9", "ftp://x.test/", "*",    "http://u:p@x.test/", "http://",
        "/%zz\x7f",  "/%zz",          "/50%", "/%u002e%u002e/"};
    for (auto const& target : targets) {
        auto client = proxy.client();
        EXPECT_EQ(client.exchange(make_request("GET", target)).status, 400U) << target;
        EXPECT_TRUE(client.closed_without_a_byte()) << target;
    }
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

TEST(RequestTarget, ConnectIsNotForAReverseProxy) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const response = client.exchange(make_request("CONNECT", "example.test:443"));
    EXPECT_EQ(response.status, 405U);
    EXPECT_TRUE(response.has("Allow"));  // RFC 9110, 15.5.6
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

TEST(RequestTarget, UnknownMethodsPass) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    EXPECT_EQ(proxy.send(make_request("PROPFIND", "/dav")).status, 200U);
    EXPECT_EQ(proxy.send(make_request("get", "/lower")).status, 200U);
    EXPECT_EQ(origin.await_request(0).method, "PROPFIND");
    EXPECT_EQ(origin.await_request(1).method, "get");
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"method", "OTHER"}}, 2));
}

}  // namespace
}  // namespace reverse_proxy::integration
