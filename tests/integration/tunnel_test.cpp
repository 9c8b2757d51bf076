// Upgrade (WebSocket): a tunnel once the origin answers 101 (contract, section 3).
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using namespace std::string_literals;
using std::chrono::milliseconds;

std::string upgrade_request(std::string const& script = "upgrade") {
    return make_request("GET", "/chat",
                        {{"Connection", "keep-alive, Upgrade"},
                         {"Upgrade", "websocket"},
                         {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
                         {"Sec-WebSocket-Version", "13"},
                         {"X-Fault", script}});
}

TEST(Tunnel, OpensWithThe101OfTheOrigin) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request());
    auto const response = client.read_response_head();
    EXPECT_EQ(response.status, 101U);
    EXPECT_TRUE(same_name(response.field("Connection"), "upgrade"));
    EXPECT_EQ(response.field("Upgrade"), "websocket");
    auto const seen = origin.await_request(0);
    EXPECT_TRUE(same_name(seen.field("Connection"), "upgrade"));
    EXPECT_EQ(seen.field("Upgrade"), "websocket");
    EXPECT_EQ(seen.field("Sec-WebSocket-Key"), "dGhlIHNhbXBsZSBub25jZQ==");
    for (auto const& bytes : {"ping"s, "\0\r\n\r\n\xff"s, "third"s}) {
        client.send(bytes);
        EXPECT_EQ(client.reader().read_exactly(bytes.size()), bytes);
    }
}

// As docker's and Go's clients ask for it.
TEST(Tunnel, OpensForARequestWithContentOfLengthZero) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("POST", "/attach",
                             {{"Connection", "Upgrade"},
                              {"Upgrade", "tcp"},
                              {"Content-Length", "0"},
                              {"X-Fault", "upgrade"}}));
    EXPECT_EQ(client.read_response_head().status, 101U);
    EXPECT_EQ(origin.await_request(0).field("Upgrade"), "tcp");
    client.send("ping");
    EXPECT_EQ(client.reader().read_exactly(4), "ping");
}

TEST(Tunnel, BytesRightBehindTheRequestGoThrough) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request() + "early bytes");
    EXPECT_EQ(client.read_response_head().status, 101U);
    EXPECT_EQ(client.reader().read_exactly(11), "early bytes");
}

TEST(Tunnel, CarriesMuchInBothDirections) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request());
    client.read_response_head();
    PatternCheck check;
    constexpr std::size_t kPiece = 100'000;
    for (std::size_t at = 0; at < 5'000'000; at += kPiece) {
        client.send(pattern(at, kPiece));
        check.feed(client.reader().read_exactly(kPiece));
    }
    EXPECT_TRUE(check.matches());
}

TEST(Tunnel, EndsWithTheClient) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request());
    client.read_response_head();
    client.close();
    EXPECT_TRUE(origin.wait_connections_open(0));
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "101"}}, 1));
}

TEST(Tunnel, EndsWithTheOrigin) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request());
    client.read_response_head();
    client.send("bye");
    EXPECT_TRUE(client.closed_without_a_byte());
}

TEST(Tunnel, EndsAfterTheIdleTime) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.upstream.tunnel_idle_timeout = milliseconds{1500};
                           // Neither of these is a tunnel's time.
                           s.upstream.stream_idle_timeout = milliseconds{50};
                           s.upstream.request_timeout = milliseconds{1000};
                       }};
    auto client = proxy.client();
    auto const begin = std::chrono::steady_clock::now();
    client.send(upgrade_request());
    EXPECT_EQ(client.read_response_head().status, 101U);
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_GE(std::chrono::steady_clock::now() - begin, milliseconds{1400});
    EXPECT_TRUE(origin.wait_connections_open(0));
}

// Its time begins when the other one has closed, however long nobody said anything before.
TEST(Tunnel, HalfClosedAfterALongSilenceTheOtherEndMayStillSpeak) {
    FaultOrigin origin;
    ProxyFixture proxy{
        origin, [](config::Settings& s) { s.upstream.stream_idle_timeout = milliseconds{1300}; }};
    auto client = proxy.client();
    client.send(upgrade_request("upgrade; delay=200; text=goodbye"));
    EXPECT_EQ(client.read_response_head().status, 101U);
    std::this_thread::sleep_for(milliseconds{1500});  // the silence
    client.half_close();
    EXPECT_EQ(client.reader().read_to_end(), "goodbye");
}

TEST(Tunnel, ARefusalIsAnOrdinaryResponse) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request("status=403; text=no"));
    auto const refused = client.read_response();
    EXPECT_EQ(refused.status, 403U);
    EXPECT_EQ(refused.content, "no");
    EXPECT_EQ(client.exchange(make_request("GET", "/next")).status, 200U);
    EXPECT_EQ(origin.await_request(1).target, "/next");
}

TEST(Tunnel, BytesBehindARefusedUpgradeAreTheNextRequest) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upgrade_request("status=200") + make_request("GET", "/second"));
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(origin.await_request(1).target, "/second");
}

TEST(Tunnel, IsNotForHttp10) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    EXPECT_EQ(client.read_response().status, 200U);
    // RFC 9110, 7.8: Upgrade in an HTTP/1.0 request is ignored.
    EXPECT_EQ(origin.await_request(0).count("Upgrade"), 0U);
}

}  // namespace
}  // namespace reverse_proxy::integration
