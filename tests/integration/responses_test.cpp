// Every way a response can be framed, on both sides of the proxy.
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <array>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using Kind = MessageFraming::Kind;

struct Case {
    std::string name;
    std::string script;
    std::size_t size;
};

class EachFraming : public ::testing::TestWithParam<Case> {};

TEST_P(EachFraming, ArrivesWholeAndTheConnectionGoesOn) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const request =
        make_request("GET", "/x", {{"X-Fault", GetParam().script + "; extra=X-End:kept"}});
    auto const response = client.exchange(request);
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.content.size(), GetParam().size);
    EXPECT_TRUE(response.content == pattern(0, GetParam().size));
    EXPECT_EQ(response.field("X-End"), "kept");
    if (response.keeps_connection()) {
        EXPECT_TRUE(client.exchange(request).content == pattern(0, GetParam().size));
    } else {
        EXPECT_TRUE(client.closed_without_a_byte());
    }
}

TEST_P(EachFraming, ArrivesWholeAtAnHttp10Client) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send("GET /x HTTP/1.0\r\nHost: a\r\nX-Fault: " + GetParam().script + "\r\n\r\n");
    auto const response = client.read_response();
    EXPECT_NE(response.framing.kind, Kind::chunked);
    EXPECT_TRUE(response.content == pattern(0, GetParam().size));
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_EQ(origin.await_request(0).version, "HTTP/1.1");
}

INSTANTIATE_TEST_SUITE_P(Responses, EachFraming,
                         ::testing::ValuesIn(std::vector<Case>{
                             {"length_empty", "size=0", 0},
                             {"length_small", "size=100", 100},
                             {"length_4_kib", "size=4096", 4096},
                             {"length_64_kib_and_1", "size=65537", 65'537},
                             {"length_3_mib", "size=3145728", 3'145'728},
                             {"chunked_empty", "chunked; size=0", 0},
                             {"chunked_small", "chunked; size=100", 100},
                             {"chunked_3_mib", "chunked; size=3145728", 3'145'728},
                             {"chunked_byte_by_byte", "chunked; drip; size=300", 300},
                             {"length_byte_by_byte", "drip; size=300", 300},
                             {"until_close_empty", "until_close; size=0", 0},
                             {"until_close_small", "until_close; size=100", 100},
                             {"until_close_3_mib", "until_close; size=3145728", 3'145'728},
                             {"origin_closes", "close_announced; size=100", 100},
                             {"origin_of_http_1_0", "http10; until_close; size=100", 100},
                             {"origin_of_http_1_0_with_length", "http10; size=100", 100},
                         }),
                         [](auto const& tested) { return tested.param.name; });

TEST(Responses, AKnownLengthStaysKnown) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get_with_fault("size=1000");
    EXPECT_EQ(response.framing.kind, Kind::length);
    EXPECT_EQ(response.field("Content-Length"), "1000");
}

TEST(Responses, WithoutContentAreFollowedByTheNext) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const with = [](std::string const& method, std::string const& script) {
        return make_request(method, "/x", {{"X-Fault", script}});
    };
    auto const head = client.exchange(with("HEAD", "size=5000"));
    EXPECT_EQ(head.content, "");
    EXPECT_EQ(head.field("Content-Length"), "5000");
    EXPECT_EQ(client.exchange(with("HEAD", "chunked; size=5000")).status, 200U);
    EXPECT_EQ(client.exchange(with("GET", "status=204")).status, 204U);
    EXPECT_EQ(client.exchange(with("GET", "status=304; extra=ETag:\"a\"")).field("ETag"), "\"a\"");
    EXPECT_EQ(client.exchange(with("GET", "size=3")).content, pattern(0, 3));
    EXPECT_EQ(origin.connections_accepted(), 1U);
}

TEST(Responses, StatusAndReasonPass) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (unsigned const status : {200U, 201U, 206U, 302U, 404U, 418U, 500U, 599U, 799U}) {
        auto const response = proxy.get_with_fault("status=" + std::to_string(status));
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(response.reason, "Scripted");
        EXPECT_EQ(response.content, "ok\n");
    }
}

TEST(Responses, InterimOnesPassBeforeTheFinalOne) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/x", {{"X-Fault", "interim=103; interim=103; gate=final"}}));
    // The final response is still held: the interim ones are not waited for in vain.
    for (int i = 0; i < 2; ++i) {
        auto const interim = client.reader().read_head();
        ASSERT_TRUE(interim);
        EXPECT_EQ(interim->start_line.substr(0, 12), "HTTP/1.1 103");
        EXPECT_EQ(joined(interim->fields, "Link"), "</style.css>; rel=preload");
    }
    origin.release("final");
    EXPECT_EQ(client.read_response().status, 200U);
}

TEST(Responses, InterimOnesAreNotForAnHttp10Client) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send("GET /x HTTP/1.0\r\nX-Fault: interim=103\r\n\r\n");
    auto const response = client.read_response();
    EXPECT_TRUE(response.interim.empty());
    EXPECT_EQ(response.status, 200U);
}

TEST(Responses, TrailersPass) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get_with_fault(
        "chunked; size=1000; extra=Trailer:X-Sum; trailer=X-Sum:77; trailer=X-More:1");
    EXPECT_EQ(joined(response.trailers, "X-Sum"), "77");
    EXPECT_EQ(joined(response.trailers, "X-More"), "1");
}

TEST(Responses, TrailersOfARequestPass) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(
        make_request("POST", "/x", {{"Transfer-Encoding", "chunked"}, {"Trailer", "X-Sum"}}) +
        chunked({"hello", " ", "world"}, {{"X-Sum", "42"}}));
    EXPECT_EQ(client.read_response().status, 200U);
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.content, "hello world");
    EXPECT_EQ(joined(seen.trailers, "X-Sum"), "42");
}

TEST(Responses, PipelinedRequestsAreAnsweredInOrder) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    std::string requests;
    constexpr int kRequests = 20;
    for (int i = 0; i < kRequests; ++i) {
        auto const script = (i % 3 == 0 ? "chunked; text=n" : "text=n") + std::to_string(i);
        requests += i % 4 == 1 ? make_request("POST", "/x", {{"X-Fault", script}}, "content")
                               : make_request("GET", "/x", {{"X-Fault", script}});
    }
    client.send(requests);
    for (int i = 0; i < kRequests; ++i) {
        EXPECT_EQ(client.read_response().content, "n" + std::to_string(i));
    }
}

TEST(Responses, ARequestInPiecesIsReadWhole) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    for (char const c : make_request("POST", "/pieces", {{"X-Fault", "echo"}}, "drop by drop")) {
        client.send({&c, 1});
    }
    EXPECT_EQ(client.read_response().content, "drop by drop");
}

TEST(Responses, KeepAliveIsAsTheClientAsks) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto asks_close = proxy.client();
    auto const closing = asks_close.exchange(make_request("GET", "/", {{"Connection", "close"}}));
    EXPECT_EQ(closing.field("Connection"), "close");
    EXPECT_TRUE(asks_close.closed_without_a_byte());

    auto old = proxy.client();
    auto const kept = old.exchange("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    EXPECT_TRUE(kept.framing.kind == Kind::length);
    EXPECT_EQ(kept.field("Connection"), "keep-alive");
    EXPECT_EQ(old.exchange("GET / HTTP/1.0\r\nHost: a\r\n\r\n").status, 200U);
    EXPECT_TRUE(old.closed_without_a_byte());
    // All of them went over one connection to the origin: keep-alive is per hop.
    EXPECT_EQ(origin.connections_open(), origin.connections_accepted());
}

TEST(Responses, TheLastBytesAndTheEndOfAConnectionComeInOneSegment) {
    if (os::is_windows()) GTEST_SKIP() << "no MSG_MORE";
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (std::string const target : {"/x", "/healthz"}) {
        Socket client = Socket::connect_tcp("127.0.0.1", proxy.port());
        // Without content: an origin's head that comes before its content is passed on before it.
        client.send_all("GET " + target +
                        " HTTP/1.1\r\nHost: a\r\nX-Fault: size=0\r\n"
                        "Connection: close\r\n\r\n");
        // In this order: an end that comes between the two looks is not overlooked.
        std::array both{os::Awaited{client.fd(), os::Event::readable},
                        os::Awaited{client.fd(), os::Event::peer_finished}};
        ASSERT_TRUE(os::wait(both, kBound));
        EXPECT_TRUE(both[1].came) << target;
    }
}

TEST(Responses, GoToTheClientAsTheyCome) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (std::string const framing : {"drip", "chunked", "until_close"}) {
        auto client = proxy.client();
        client.send(
            make_request("GET", "/events",
                         {{"X-Fault", framing + "; text=data-data-; gate_mid=after_" + framing}}));
        auto const response = client.read_response_head();
        // The second half is held: the first one must not wait for it.
        auto const first_half = framing == "drip" || response.framing.kind != Kind::chunked
                                    ? std::string{"data-"}
                                    : std::string{"5\r\ndata-"};
        EXPECT_EQ(client.reader().read_exactly(first_half.size()), first_half);
        origin.release("after_" + framing);
    }
}

TEST(Responses, HaveADateWhereTheOriginSentNone) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    EXPECT_EQ(proxy.get_with_fault("").field("Date").size(), 29U);  // IMF-fixdate
    EXPECT_EQ(proxy.get_with_fault("extra=Date:Sun, 06 Nov 1994 08:49:37 GMT").field("Date"),
              "Sun, 06 Nov 1994 08:49:37 GMT");
}

TEST(Responses, DebugFieldsAreThereOnlyWhereAskedFor) {
    FaultOrigin origin;
    {
        ProxyFixture proxy{origin};
        auto const response = proxy.get("/");
        for (auto const* name : {"X-Upstream", "X-Attempts", "X-Upstream-Latency-Ms"}) {
            EXPECT_FALSE(response.has(name)) << name;
        }
    }
    ProxyFixture proxy{origin,
                       [](config::Settings& s) { s.telemetry.expose_debug_headers = true; }};
    auto const response = proxy.get("/");
    EXPECT_NE(response.field("X-Upstream").find(std::to_string(origin.port())), std::string::npos);
    EXPECT_EQ(response.field("X-Attempts"), "1");
    EXPECT_FALSE(response.field("X-Upstream-Latency-Ms").empty());
}

}  // namespace
}  // namespace reverse_proxy::integration
