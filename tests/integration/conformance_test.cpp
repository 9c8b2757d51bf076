// Rules of RFC 9110 and 9112 for gateways that no other file is about (docs/conformance.md).
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

// RFC 9112, 9.6: what is behind a request with `close` is not processed.
TEST(Conformance, NothingIsReadBehindARequestThatCloses) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/last", {{"Connection", "close"}}) +
                make_request("GET", "/behind"));
    auto const response = client.read_response();
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.field("Connection"), "close");
    EXPECT_TRUE(client.closed_without_a_byte());
    EXPECT_EQ(origin.requests().size(), 1U);
}

// RFC 9110, 7.6.2
TEST(Conformance, MaxForwardsIsCountedDownAndZeroIsAnsweredHere) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    EXPECT_EQ(proxy.send(make_request("OPTIONS", "/x", {{"Max-Forwards", "5"}})).status, 200U);
    EXPECT_EQ(origin.await_request(0).field("Max-Forwards"), "4");
    EXPECT_EQ(proxy.send(make_request("OPTIONS", "/x")).status, 200U);
    EXPECT_EQ(origin.await_request(1).count("Max-Forwards"), 0U);

    EXPECT_EQ(proxy.send(make_request("OPTIONS", "/x", {{"Max-Forwards", "0"}})).status, 200U);
    auto const trace = proxy.send(make_request("TRACE", "/x", {{"Max-Forwards", "0"}}));
    EXPECT_EQ(trace.status, 405U);
    EXPECT_EQ(problem_of(trace).status, 405U);
    EXPECT_TRUE(trace.has("Allow"));
    EXPECT_EQ(origin.requests().size(), 2U);
}

// RFC 9112, 3.2.4
TEST(Conformance, OptionsOfTheWholeServerInAbsoluteForm) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    proxy.send("OPTIONS http://example.test HTTP/1.1\r\nHost: example.test\r\n\r\n");
    EXPECT_EQ(origin.await_request(0).target, "*");
}

// RFC 9110, 10.1.1: HTTP/1.0 has no expectations, and no interim responses (15.2).
TEST(Conformance, ExpectationsOfHttp10AreIgnored) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send("POST /x HTTP/1.0\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello");
    auto const response = client.read_response();
    EXPECT_EQ(response.status, 200U);
    EXPECT_TRUE(response.interim.empty());
    EXPECT_EQ(origin.await_request(0).count("Expect"), 0U);
}

// RFC 9110, 7.7, 10.2.1, 11.6, 12.5.5, 13.2.1, 14.2: other parties' business.
TEST(Conformance, FieldsThatOthersJudgePassUnchanged) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    FieldList const sent{{"If-Match", "\"a\""},
                         {"If-None-Match", "W/\"b\", \"c\""},
                         {"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"},
                         {"If-Unmodified-Since", "Sunday, 06-Nov-94 08:49:37 GMT"},
                         {"If-Range", "\"d\""},
                         {"Range", "bytes=0-0, -1"},
                         {"Authorization", "Digest a=\"b\""},
                         {"Proxy-Authorization", "Basic eDp5"},
                         {"Referer", "http://example.test/y"},
                         {"Accept-Encoding", "gzip;q=0.5, *;q=0"},
                         {"Cache-Control", "no-transform"},
                         {"X-Unheard-Of", "passes, too"}};
    FieldList fields = sent;
    fields.emplace_back("X-Fault",
                        "size=20; extra=Allow:GET, X; extra=WWW-Authenticate:Basic realm=\"x\"; "
                        "extra=Vary:*; extra=Cache-Control:no-transform; extra=ETag:W/\"e\"; "
                        "extra=Content-Range:bytes 0-19/40; extra=Content-Encoding:x-y; "
                        "extra=Location:/z; extra=X-Unheard-Of:passes");
    auto const response = proxy.get("/x", fields);
    auto const seen = origin.await_request(0);
    for (auto const& [name, value] : sent)
        EXPECT_EQ(seen.field(name), value) << name;
    EXPECT_EQ(response.field("Allow"), "GET, X");
    EXPECT_EQ(response.field("WWW-Authenticate"), "Basic realm=\"x\"");
    EXPECT_EQ(response.field("Vary"), "*");
    EXPECT_EQ(response.field("Cache-Control"), "no-transform");
    EXPECT_EQ(response.field("ETag"), "W/\"e\"");
    EXPECT_EQ(response.field("Content-Range"), "bytes 0-19/40");
    EXPECT_EQ(response.field("Content-Encoding"), "x-y");
    EXPECT_EQ(response.field("Location"), "/z");
    EXPECT_EQ(response.field("X-Unheard-Of"), "passes");
    EXPECT_EQ(response.content.size(), 20U);
}

// RFC 9112, 4: the blank before the reason is sent even where there is no reason.
TEST(Conformance, AStatusLineWithoutAReasonIsMended) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response = proxy.get_with_fault("malformed=no_reason");
    EXPECT_EQ(response.status, 200U);
    EXPECT_EQ(response.reason, "");
    EXPECT_EQ(response.content, "ok");
}

// RFC 9110, 7.6: a proxy that was made its own upstream does not go round for ever.
TEST(Conformance, ALoopEnds) {
    std::uint16_t port = 0;
    {
        FaultOrigin const somebody;
        port = somebody.port();
    }
    ProxyFixture proxy{{upstream_at("127.0.0.1", port)}, [&](config::Settings& s) {
                           s.listener.listen = {config::ListenAddress{"127.0.0.1", port, ""}};
                           s.client.max_in_flight = 20;
                       }};
    EXPECT_EQ(proxy.get("/round").status, 503U);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
}

}  // namespace
}  // namespace reverse_proxy::integration
