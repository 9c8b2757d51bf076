// Who the client is, and by which ways a message came: X-Forwarded-*, X-Request-Id, traceparent,
// Via, Host. Contract, section 3.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cctype>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

void trust_loopback(config::Settings& settings) {
    settings.client.trusted_proxies.push_back(*core::IpNetwork::parse("127.0.0.0/8"));
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

/// version "-" trace-id "-" parent-id "-" flags, neither of the ids all zero (W3C Trace Context 1).
bool is_traceparent(std::string const& text) {
    return text.size() == 55 && text.substr(0, 3) == "00-" && text[35] == '-' && text[52] == '-' &&
           is_lower_hex(text.substr(3, 32)) && is_lower_hex(text.substr(36, 16)) &&
           is_lower_hex(text.substr(53)) && text.substr(3, 32) != std::string(32, '0') &&
           text.substr(36, 16) != std::string(16, '0');
}

constexpr auto kTrace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

TEST(ForwardedFields, FromAnUntrustedPeerAreWrittenAnew) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"X-Forwarded-For", "203.0.113.66"},
                    {"X-Forwarded-For", "203.0.113.67"},
                    {"X-Forwarded-Proto", "https"},
                    {"X-Forwarded-Host", "spoofed.test"},
                    {"X-Forwarded-Port", "44366"},
                    {"Forwarded", "for=203.0.113.66;host=spoofed.test"},
                    {"X-Real-IP", "203.0.113.66"}});
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.field("X-Forwarded-For"), "127.0.0.1");
    EXPECT_EQ(seen.field("X-Forwarded-Proto"), "http");
    EXPECT_EQ(seen.field("X-Forwarded-Host"), "example.test");
    EXPECT_EQ(seen.raw_head.find("203.0.113.6"), std::string::npos);
    EXPECT_EQ(seen.raw_head.find("spoofed"), std::string::npos);
    EXPECT_EQ(seen.raw_head.find("44366"), std::string::npos);
}

TEST(ForwardedFields, FromATrustedPeerAreAppendedToAndKept) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, trust_loopback};
    proxy.get("/", {{"X-Forwarded-For", "198.51.100.9"},
                    {"X-Forwarded-For", "203.0.113.7"},
                    {"X-Forwarded-Proto", "https"},
                    {"X-Forwarded-Host", "shop.example"}});
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.field("X-Forwarded-For"), "198.51.100.9, 203.0.113.7, 127.0.0.1");
    EXPECT_EQ(seen.field("X-Forwarded-Proto"), "https");
    EXPECT_EQ(seen.field("X-Forwarded-Host"), "shop.example");
}

// CGI and its heirs (WSGI, Rack, PHP) turn every sign that is no letter or digit into `_`: for them
// these are the names that the proxy vouches for (RFC 3875, 4.1.18).
TEST(ForwardedFields, SpellingsThatOriginsReadAlikeAreDropped) {
    FaultOrigin origin;
    for (bool const trusted : {false, true}) {
        ProxyFixture proxy{origin, [&](config::Settings& s) {
                               if (trusted) trust_loopback(s);
                           }};
        FieldList fields;
        for (std::string const name :
             {"X_Forwarded_For", "X-Forwarded_For", "X_FORWARDED-for", "x.forwarded.for",
              "X_Forwarded_Proto", "X_Forwarded_Host", "X_Forwarded_Port", "X_Real_IP", "X-Real_IP",
              "X_Request_Id", "Content_Length", "Transfer_Encoding", "Proxy"})
            fields.emplace_back(name, "203.0.113.66");
        proxy.get("/", fields);
        auto const seen = origin.await_request(trusted ? 1 : 0);
        EXPECT_EQ(seen.raw_head.find("203.0.113.66"), std::string::npos) << seen.raw_head;
        EXPECT_EQ(seen.field("X-Forwarded-For"), "127.0.0.1");
    }
}

TEST(ForwardedFields, InTrailersAreDroppedFromAnyPeer) {
    FaultOrigin origin;
    for (bool const trusted : {false, true}) {
        ProxyFixture proxy{origin, [&](config::Settings& s) {
                               if (trusted) trust_loopback(s);
                           }};
        FieldList trailers{{"X-Sum", "7"}};
        for (std::string const name :
             {"X-Forwarded-For", "X_Forwarded_For", "X-Forwarded-Proto", "X-Forwarded-Host",
              "X-Forwarded-Port", "Forwarded", "X-Real-IP", "X_Real_IP", "X-Request-Id",
              "Authorization", "Cookie", "Host", "Content_Length", "Connection"})
            trailers.emplace_back(name, "203.0.113.66");
        proxy.send(make_request("POST", "/", {{"Transfer-Encoding", "chunked"}}) +
                   chunked({"hello"}, trailers));
        auto const seen = origin.await_request(trusted ? 1 : 0);
        EXPECT_EQ(seen.trailers, (FieldList{{"X-Sum", "7"}}));
        EXPECT_EQ(seen.raw_head.find("203.0.113.66"), std::string::npos);
    }
}

TEST(ForwardedFields, GarbageOfATrustedPeerGoesNoFurther) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, trust_loopback};
    std::vector<std::pair<std::string, std::string>> const rows{
        {"<script>, 203.0.113.7", "203.0.113.7, 127.0.0.1"},
        {"203.0.113.7, unknown", "127.0.0.1"},
        {"203.0.113.7, for=198.51.100.1, 198.51.100.2", "198.51.100.2, 127.0.0.1"},
        {"203.0.113.7%00, 1.2.3", "127.0.0.1"},
        {"\xff\xfe", "127.0.0.1"},
        {std::string(4000, '9'), "127.0.0.1"},
        {"::ffff:203.0.113.7", "::ffff:203.0.113.7, 127.0.0.1"},
        {"[2001:db8::7]:443", "[2001:db8::7]:443, 127.0.0.1"},
    };
    for (std::size_t i = 0; i < rows.size(); ++i) {
        proxy.get("/", {{"X-Forwarded-For", rows[i].first},
                        {"X-Real-IP", "nobody"},
                        {"X-Forwarded-Proto", "gopher"},
                        {"X-Forwarded-Host", "a b"}});
        auto const seen = origin.await_request(i);
        EXPECT_EQ(seen.field("X-Forwarded-For"), rows[i].second) << rows[i].first;
        EXPECT_EQ(seen.field("X-Forwarded-Proto"), "http");
        EXPECT_EQ(seen.field("X-Forwarded-Host"), "example.test");
        EXPECT_EQ(seen.count("X-Real-IP"), 0U);
    }
}

TEST(ForwardedFields, HostIsTheUpstreamsAuthority) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"Host", "Shop.Example:8080"}});
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.field("Host"), "127.0.0.1:" + std::to_string(origin.port()));
    EXPECT_EQ(seen.count("Host"), 1U);
    EXPECT_EQ(seen.field("X-Forwarded-Host"), "Shop.Example:8080");
}

TEST(ForwardedFields, RequestIdIsMadeForAnUntrustedPeer) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const first = proxy.get("/", {{"X-Request-Id", "chosen-by-client"}});
    auto const second = proxy.get("/");
    auto const id = origin.await_request(0).field("X-Request-Id");
    EXPECT_FALSE(id.empty());
    EXPECT_EQ(id.find("chosen"), std::string::npos);
    EXPECT_EQ(first.field("X-Request-Id"), id);
    EXPECT_EQ(second.field("X-Request-Id"), origin.await_request(1).field("X-Request-Id"));
    EXPECT_NE(second.field("X-Request-Id"), id);
}

TEST(ForwardedFields, RequestIdIsKeptFromATrustedPeer) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, trust_loopback};
    auto const response = proxy.get("/", {{"X-Request-Id", "edge-42"}});
    EXPECT_EQ(origin.await_request(0).field("X-Request-Id"), "edge-42");
    EXPECT_EQ(response.field("X-Request-Id"), "edge-42");
    auto const without = proxy.get("/");
    EXPECT_FALSE(without.field("X-Request-Id").empty());
}

TEST(ForwardedFields, TraceparentIsContinuedWithANewParent) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"traceparent", kTrace}});
    auto const sent = origin.await_request(0).field("traceparent");
    ASSERT_TRUE(is_traceparent(sent)) << sent;
    EXPECT_EQ(sent.substr(0, 36), std::string{kTrace}.substr(0, 36));
    EXPECT_NE(sent.substr(36, 16), std::string{kTrace}.substr(36, 16));
    EXPECT_EQ(sent.substr(53), "01");
}

TEST(ForwardedFields, TraceparentIsMadeWhereThereIsNoneOrABrokenOne) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/");
    proxy.get("/", {{"traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"}});
    proxy.get("/", {{"traceparent", "nonsense"}});
    for (std::size_t i = 0; i < 3; ++i) {
        auto const sent = origin.await_request(i).field("traceparent");
        EXPECT_TRUE(is_traceparent(sent)) << sent;
    }
    EXPECT_NE(origin.await_request(0).field("traceparent"),
              origin.await_request(1).field("traceparent"));
}

TEST(ForwardedFields, ViaIsAppended) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.get("/", {{"Via", "1.0 fred"}});
    auto const via = origin.await_request(0).field("Via");
    EXPECT_EQ(via.substr(0, 14), "1.0 fred, 1.1 ");
    EXPECT_GT(via.size(), 14U);
    auto old = proxy.client();
    old.exchange("GET / HTTP/1.0\r\n\r\n");
    EXPECT_EQ(origin.await_request(1).field("Via").substr(0, 4), "1.0 ");
}

}  // namespace
}  // namespace reverse_proxy::integration
