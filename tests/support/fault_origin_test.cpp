#include "tests/support/fault_origin.hpp"
#include "tests/support/malformed_responses.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/raw_client.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::test_support {
namespace {

std::string get_with(std::string const& script) {
    return make_request("GET", "/x", {{"X-Fault", script}});
}

TEST(FaultOrigin, AnswersAsTheRequestSaysAndRecordsIt) {
    FaultOrigin origin;
    auto client = RawClient::tcp(origin.port());
    auto const response = client.exchange(
        make_request("PUT", "/put", {{"X-Fault", "status=201; echo; extra=X-A:b"}}, "hello"));
    EXPECT_EQ(response.status, 201U);
    EXPECT_EQ(response.content, "hello");
    EXPECT_EQ(response.field("X-A"), "b");
    auto const seen = origin.await_request(0);
    EXPECT_EQ(seen.method, "PUT");
    EXPECT_EQ(seen.target, "/put");
    EXPECT_EQ(seen.content, "hello");
    EXPECT_EQ(client.exchange(get_with("")).content, "ok\n");
    EXPECT_EQ(origin.connections_accepted(), 1U);
}

TEST(FaultOrigin, ContentOfEachFramingIsThePattern) {
    FaultOrigin origin;
    for (std::string const framing : {"drip", "chunked; trailer=X-Sum:1", "until_close"}) {
        auto client = RawClient::tcp(origin.port());
        auto const response = client.exchange(get_with("size=3000; " + framing));
        EXPECT_EQ(response.content, pattern(0, 3000)) << framing;
        EXPECT_EQ(response.trailers.size(), framing[0] == 'c' ? 1U : 0U);
    }
}

TEST(FaultOrigin, HoldsAResponseAtAGateAndNoticesWhoLeaves) {
    FaultOrigin origin;
    auto stays = RawClient::tcp(origin.port());
    auto leaves = RawClient::tcp(origin.port());
    stays.send(get_with("gate=a"));
    ASSERT_TRUE(origin.wait_for_requests(1));
    leaves.send(get_with("gate=a"));
    ASSERT_TRUE(origin.wait_at_gate("a", 2));
    leaves.close();
    EXPECT_TRUE(origin.wait_client_closed(1));
    EXPECT_TRUE(origin.wait_connections_open(1));
    origin.release("a");
    EXPECT_EQ(stays.read_response().status, 200U);
}

TEST(FaultOrigin, EndsConnectionsAsTold) {
    FaultOrigin origin;
    for (std::string const fault :
         {"reset_before_head", "close_before_head", "reset_on_request", "close_in_head"}) {
        auto client = RawClient::tcp(origin.port());
        client.send(get_with(fault));
        EXPECT_THROW(client.read_response(), PeerClosed) << fault;
    }
    for (std::string const fault : {"reset_mid", "close_mid", "lie_length=200"}) {
        auto client = RawClient::tcp(origin.port());
        client.send(get_with("size=100; " + fault));
        EXPECT_FALSE(client.read_response_as_it_comes().complete) << fault;
    }
    auto client = RawClient::tcp(origin.port());
    client.exchange(get_with("reset_on_reuse"));
    client.send(get_with(""));
    EXPECT_THROW(client.read_response(), PeerClosed);
}

TEST(FaultOrigin, AnswersEarlyAndContinues) {
    FaultOrigin origin;
    auto early = RawClient::tcp(origin.port());
    early.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n"
               "X-Fault: early_final; status=413\r\n\r\n");
    EXPECT_EQ(early.read_response().status, 413U);
    auto patient = RawClient::tcp(origin.port());
    patient.send("POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nX-Fault: echo\r\n"
                 "Expect: 100-continue\r\n\r\n");
    EXPECT_EQ(patient.reader().read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
    patient.send("ab");
    EXPECT_EQ(patient.read_response().content, "ab");
}

TEST(FaultOrigin, TunnelsAfterAnUpgrade) {
    FaultOrigin origin;
    auto client = RawClient::tcp(origin.port());
    client.send(make_request(
        "GET", "/", {{"X-Fault", "upgrade"}, {"Connection", "Upgrade"}, {"Upgrade", "echo"}}));
    EXPECT_EQ(client.read_response_head().status, 101U);
    client.send("ping");
    EXPECT_EQ(client.reader().read_exactly(4), "ping");
}

TEST(FaultOrigin, SaysWhenNobodyReads) {
    FaultOrigin origin;
    auto client = RawClient::tcp(origin.port(), {.receive_buffer_bytes = 32 * 1024});
    client.send(get_with("size=67108864"));
    EXPECT_TRUE(origin.wait_blocked());
    EXPECT_LT(origin.bytes_sent(), 32U << 20U);
}

TEST(FaultOrigin, MalformedHeadsAreMalformedForAStrictReader) {
    FaultOrigin origin;
    for (auto const& kind : malformed_heads()) {
        auto client = RawClient::tcp(origin.port());
        client.send(get_with("malformed=" + kind));
        if (kind == "bare_lf") {
            // No empty line ever comes for a reader that wants CRLF.
            EXPECT_EQ(client.reader().read_until("ok").find('\r'), std::string::npos);
            continue;
        }
        EXPECT_ANY_THROW({
            auto const response = client.read_response();
            if (response.version == "HTTP/1.1") ADD_FAILURE() << kind << " was accepted";
        }) << kind;
    }
}

TEST(FaultOrigin, RecordsWhatAStrictReaderRefuses) {
    FaultOrigin origin;
    auto client = RawClient::tcp(origin.port());
    client.send("GET / HTTP/1.1\r\nHost : a\r\n\r\n");
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(origin.violations().size(), 1U);
}

TEST(Ports, OneRefusesAndOneIsSilent) {
    RefusingPort const refusing;
    EXPECT_THROW(RawClient::tcp(refusing.port()), std::runtime_error);
    SilentPort const silent;
    EXPECT_NE(silent.port(), 0);
}

}  // namespace
}  // namespace reverse_proxy::test_support
