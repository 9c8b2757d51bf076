// Expect: 100-continue: always streamed, head first; the origin's answer decides (contract, 3).
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

std::string expecting_head(std::string const& script, std::size_t length) {
    return make_request("PUT", "/upload",
                        {{"Expect", "100-continue"},
                         {"X-Fault", script},
                         {"Content-Length", std::to_string(length)}});
}

TEST(Expect, TheOriginsContinueIsPassedOn) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (std::size_t const size : {10U, 200'000U}) {
        auto client = proxy.client();
        client.send(expecting_head("", size));
        EXPECT_EQ(client.reader().read_head().value().start_line.substr(0, 12), "HTTP/1.1 100");
        client.send(pattern(0, size));
        EXPECT_EQ(client.read_response().status, 200U);
    }
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.content, pattern(0, 10));
    EXPECT_EQ(seen.field("Expect"), "100-continue");
}

// The proxy must not say "continue" on its own: here the origin never does.
TEST(Expect, ARefusalReachesTheClientBeforeAnyContent) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(expecting_head("early_final; status=401; extra=WWW-Authenticate:Basic", 10));
    auto const response = client.read_response();
    EXPECT_EQ(response.status, 401U);
    EXPECT_TRUE(response.interim.empty());
    EXPECT_FALSE(response.keeps_connection());
}

TEST(Expect, ContentSentWithoutWaitingArrives) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(expecting_head("echo; ignore_expect", 5) + "hello");
    EXPECT_EQ(client.read_response().content, "hello");
}

TEST(Expect, WithChunkedContentWorksTheSame) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request(
        "PUT", "/upload",
        {{"Expect", "100-continue"}, {"X-Fault", "echo"}, {"Transfer-Encoding", "chunked"}}));
    EXPECT_EQ(client.reader().read_head().value().start_line.substr(0, 12), "HTTP/1.1 100");
    client.send(chunked({"hel", "lo"}));
    EXPECT_EQ(client.read_response().content, "hello");
}

TEST(Expect, OneOfSeveralExpectationsIsEnough) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (FieldList const& fields :
         {FieldList{{"Expect", "100-continue, other"}}, FieldList{{"Expect", ", 100-Continue"}},
          FieldList{{"Expect", "other"}, {"Expect", "100-continue"}}}) {
        FieldList all = fields;
        all.emplace_back("Content-Length", "2");
        auto client = proxy.client();
        client.send(make_request("PUT", "/upload", all));
        EXPECT_EQ(client.reader().read_head().value().start_line.substr(0, 12), "HTTP/1.1 100");
        client.send("ok");
        EXPECT_EQ(client.read_response().status, 200U);
    }
    EXPECT_EQ(origin.await_request(2).field("Expect"), "100-continue");
}

TEST(Expect, ContentTooLargeIsRefusedWithoutContinue) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_body_bytes = 5; }};
    auto client = proxy.client();
    client.send(expecting_head("", 6));
    auto const response = client.read_response();
    EXPECT_EQ(response.status, 413U);
    EXPECT_TRUE(response.interim.empty());
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

}  // namespace
}  // namespace reverse_proxy::integration
