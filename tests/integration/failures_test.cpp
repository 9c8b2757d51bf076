// The contract's table of failures: status, Proxy-Status, problem+json, what is counted, and that
// nothing of the inside shows.
#include "tests/support/malformed_responses.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

/// One attempt and no breaker, so that a failure is seen as it is.
void alone(config::Settings& settings) {
    settings.retry.max_attempts = 1;
    settings.breaker.enabled = false;
}

void expect_problem(Response const& response, unsigned status, std::string const& error) {
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.field("Proxy-Status"), "reverse-proxy; error=" + error);
    auto const problem = problem_of(response);
    EXPECT_EQ(problem.type, "about:blank");
    EXPECT_EQ(problem.status, status);
    EXPECT_FALSE(problem.title.empty());
    EXPECT_FALSE(problem.request_id.empty());
    EXPECT_EQ(response.field("X-Request-Id"), problem.request_id);
    EXPECT_EQ(response.content.find("127.0.0.1"), std::string::npos) << "inner address shown";
}

void expect_counted(ProxyFixture const& proxy, std::string const& error, double times = 1) {
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_failures_total", {{"error", error}}, times))
        << error;
}

TEST(Failures, Refused) {
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, alone};
    expect_problem(proxy.get("/"), 502, "connection_refused");
    expect_counted(proxy, "connection_refused");
    EXPECT_TRUE(
        proxy.wait_for_metric("reverse_proxy_attempts_total", {{"outcome", "connect_failed"}}, 1));
}

TEST(Failures, Unroutable) {
    // A discard-only address (RFC 6666): where this host has no route for it, connect says so.
    try {
        Socket::connect_tcp("100::1", 80);
        GTEST_SKIP() << "this host routes 100::/64";
    } catch (TimedOut const&) {
        GTEST_SKIP() << "this host routes 100::/64 to nowhere";
    } catch (std::runtime_error const& error) {
        if (std::string{error.what()}.find("nreachable") == std::string::npos) {
            GTEST_SKIP() << error.what();
        }
    }
    ProxyFixture proxy{{upstream_at("100::1", 80)}, alone};
    expect_problem(proxy.get("/"), 502, "destination_ip_unroutable");
    expect_counted(proxy, "destination_ip_unroutable");
}

TEST(Failures, ConnectTimedOut) {
    SilentPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, [](config::Settings& s) {
                           alone(s);
                           s.upstream.connect_timeout = milliseconds{200};
                       }};
    expect_problem(proxy.get("/"), 504, "connection_timeout");
    expect_counted(proxy, "connection_timeout");
}

TEST(Failures, NameNotResolved) {
    // RFC 6761, 6.4: names under `invalid` never resolve.
    ProxyFixture proxy{{upstream_at("no-such-host.invalid", 80)}, alone};
    auto const response = proxy.get("/");
    EXPECT_EQ(response.status, 502U);
    auto const status = response.field("Proxy-Status");
    EXPECT_TRUE(status == "reverse-proxy; error=dns_error" ||
                status == "reverse-proxy; error=dns_timeout")
        << status;
}

TEST(Failures, EndedBeforeTheResponsesHead) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    double count = 0;
    for (std::string const fault :
         {"reset_before_head", "close_before_head", "close_in_head", "reset_on_request"}) {
        SCOPED_TRACE(fault);
        expect_problem(proxy.get_with_fault(fault), 502, "connection_terminated");
        expect_counted(proxy, "connection_terminated", ++count);
    }
    EXPECT_EQ(origin.requests().size(), 4U);
}

class MalformedHead : public ::testing::TestWithParam<std::string> {};

TEST_P(MalformedHead, IsNotPassedOn) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    auto client = proxy.client();
    expect_problem(
        client.exchange(make_request("GET", "/", {{"X-Fault", "malformed=" + GetParam()}})), 502,
        "http_protocol_error");
    expect_counted(proxy, "http_protocol_error");
    // The client's connection is not to blame and goes on; the origin's is not used again.
    EXPECT_EQ(client.exchange(make_request("GET", "/")).content, "ok\n");
    EXPECT_EQ(origin.connections_accepted(), 2U);
}

INSTANTIATE_TEST_SUITE_P(Failures, MalformedHead, ::testing::ValuesIn(malformed_heads()),
                         [](auto const& tested) { return tested.param; });

TEST(Failures, AnUnasked101IsNoAnswer) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    expect_problem(proxy.get_with_fault("malformed=unasked_101"), 502, "http_protocol_error");
}

TEST(Failures, AResponsesHeadTooLarge) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    expect_problem(proxy.get_with_fault("malformed=huge_head"), 502,
                   "http_response_header_section_size");
    expect_counted(proxy, "http_response_header_section_size");
}

TEST(Failures, AResponseWithTooManyFields) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    expect_problem(proxy.get_with_fault("malformed=many_fields"), 502,
                   "http_response_header_section_size");
}

// RFC 9112, 6.1: a 1xx has no transfer coding, so nobody can say where this one ends.
TEST(Failures, AnInterimResponseWithACodingIsNoAnswer) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    expect_problem(proxy.get_with_fault("malformed=interim_with_coding"), 502,
                   "http_protocol_error");
}

TEST(Failures, InterimResponsesWithoutEndAreNoAnswer) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           alone(s);
                           s.upstream.request_timeout = milliseconds{500};
                       }};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "malformed=many_interim"}}));
    auto const response = client.read_response();
    EXPECT_TRUE(response.status == 502U || response.status == 504U) << response.status;
}

TEST(Failures, NoResponsesHeadInTime) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           alone(s);
                           s.upstream.request_timeout = milliseconds{300};
                       }};
    expect_problem(proxy.get_with_fault("stall"), 504, "http_response_timeout");
    expect_counted(proxy, "http_response_timeout");
    EXPECT_TRUE(origin.wait_client_closed(0)) << "the attempt was left running";
}

TEST(Failures, NoResponsesHeadInTimeOfAnAttempt) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           alone(s);
                           s.upstream.attempt_timeout = milliseconds{300};
                       }};
    expect_problem(proxy.get_with_fault("stall"), 504, "http_response_timeout");
}

TEST(Failures, HalfAHeadInTimeIsNoHead) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           alone(s);
                           s.upstream.request_timeout = milliseconds{300};
                       }};
    // Interim responses do not stop the clock.
    expect_problem(proxy.get_with_fault("interim=103; stall"), 504, "http_response_timeout");
}

TEST(Failures, NoEndpointEligible) {
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, [](config::Settings& s) {
                           s.retry.max_attempts = 1;
                           s.breaker.failure_threshold = 2;
                           s.breaker.open_duration = milliseconds{60'000};
                       }};
    EXPECT_EQ(proxy.get("/").status, 502U);
    EXPECT_EQ(proxy.get("/").status, 502U);
    auto const response = proxy.get("/");
    expect_problem(response, 503, "destination_unavailable");
    auto const wait = std::stoi(response.field("Retry-After"));
    EXPECT_GE(wait, 55);
    EXPECT_LE(wait, 60);
    expect_counted(proxy, "destination_unavailable");
}

TEST(Failures, TheClientsConnectionGoesOnAfterOne) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    auto client = proxy.client();
    auto const failing = make_request("GET", "/", {{"X-Fault", "reset_before_head"}});
    EXPECT_EQ(client.exchange(failing).status, 502U);
    EXPECT_EQ(client.exchange(make_request("GET", "/")).status, 200U);
    EXPECT_EQ(client.exchange("HEAD" + failing.substr(3)).status, 502U);
    EXPECT_EQ(client.exchange(make_request("GET", "/")).status, 200U);
}

TEST(Failures, DetailsAreShownOnlyWhereAskedFor) {
    RefusingPort const port;
    ProxyFixture proxy{{upstream_at("127.0.0.1", port.port())}, [](config::Settings& s) {
                           alone(s);
                           s.telemetry.expose_debug_headers = true;
                       }};
    auto const response = proxy.get("/");
    EXPECT_EQ(response.status, 502U);
    EXPECT_NE(response.field("X-Upstream").find(std::to_string(port.port())), std::string::npos);
}

// The 502 of an origin is the origin's answer, not a failure of the proxy's.
TEST(Failures, AnOriginsOwnErrorIsPassedAsItIs) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, alone};
    for (unsigned const status : {500U, 502U, 503U, 504U}) {
        auto const response = proxy.get_with_fault("status=" + std::to_string(status));
        EXPECT_EQ(response.status, status);
        EXPECT_EQ(response.content, "ok\n");
        EXPECT_FALSE(response.has("Proxy-Status"));
    }
}

}  // namespace
}  // namespace reverse_proxy::integration
