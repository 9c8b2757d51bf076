// Bounds on what a client may send and how long it may take.
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

void expect_refused(ProxyFixture const& proxy, std::string const& request, unsigned status) {
    auto client = proxy.client();
    client.send(request);
    auto const response = client.read_response();
    EXPECT_EQ(response.status, status);
    EXPECT_EQ(response.field("Proxy-Status"), "reverse-proxy; error=http_request_error");
    EXPECT_EQ(problem_of(response).status, status);
    EXPECT_FALSE(response.keeps_connection());
    EXPECT_TRUE(client.closed_without_a_byte());
}

TEST(Limits, AHeadOverTheLimit) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_header_bytes = 2048; }};
    auto const head_of = [](std::size_t size) {
        auto const empty = make_request("GET", "/", {{"X-Pad", ""}}).size();
        return make_request("GET", "/", {{"X-Pad", std::string(size - empty, 'x')}});
    };
    EXPECT_EQ(proxy.send(head_of(2048)).status, 200U);
    expect_refused(proxy, head_of(2049), 431);
    // Without an end in sight the answer must not wait for one.
    expect_refused(proxy, "GET / HTTP/1.1\r\nX-Pad: " + std::string(3000, 'x'), 431);
}

TEST(Limits, ATargetOverTheLimit) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_header_bytes = 2048; }};
    expect_refused(proxy, make_request("GET", "/" + std::string(3000, 'x')), 414);
    expect_refused(proxy, "GET /" + std::string(3000, 'x'), 414);
    EXPECT_EQ(origin.connections_accepted(), 0U);
}

TEST(Limits, FieldLinesOverTheLimit) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_header_count = 10; }};
    FieldList fields;
    for (int i = 0; i < 9; ++i)
        fields.emplace_back("X-F" + std::to_string(i), "v");
    EXPECT_EQ(proxy.get("/", fields).status, 200U);  // Host is the tenth
    fields.emplace_back("X-One-Too-Many", "v");
    expect_refused(proxy, make_request("GET", "/", fields), 431);
}

TEST(Limits, TheDefaultsHoldABrowsersRequest) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    FieldList fields{{"Cookie", std::string(16'000, 'c')}};
    for (int i = 0; i < 100; ++i)
        fields.emplace_back("X-F" + std::to_string(i), "value");
    EXPECT_EQ(proxy.get("/" + std::string(8000, 'p'), fields).status, 200U);
    EXPECT_EQ(origin.await_request(0).target.size(), 8001U);
}

TEST(Limits, AHeadTooSlow) {
    FaultOrigin origin;
    ProxyFixture proxy{origin,
                       [](config::Settings& s) { s.client.header_timeout = milliseconds{300}; }};
    expect_refused(proxy, "GET / HTTP/1.1\r\nHost: a\r\n", 408);
    // A later request of the connection is under the same bound.
    auto client = proxy.client();
    client.send(make_request("GET", "/") + "GET / HT");
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_EQ(client.read_response().status, 408U);
    EXPECT_TRUE(client.closed_without_a_byte());
}

TEST(Limits, AnEmptyLineBehindARequestBeginsNoHead) {
    FaultOrigin origin;
    ProxyFixture proxy{origin,
                       [](config::Settings& s) { s.client.header_timeout = milliseconds{200}; }};
    auto client = proxy.client();
    EXPECT_EQ(client.exchange(make_request("GET", "/") + "\r\n").status, 200U);
    // A head begun later is given up first, so the time has passed by then.
    expect_refused(proxy, "GET / HTTP/1.1\r\nHost: a\r\n", 408);
    EXPECT_EQ(client.exchange(make_request("GET", "/")).status, 200U);
}

TEST(Limits, ContentTooSlow) {
    FaultOrigin origin;
    ProxyFixture proxy{
        origin, [](config::Settings& s) { s.upstream.stream_idle_timeout = milliseconds{300}; }};
    for (std::string const length : {"10", "100000"}) {
        auto client = proxy.client();
        client.send(make_request("POST", "/", {{"Content-Length", length}}) + "hello");
        EXPECT_EQ(client.read_response().status, 408U) << length;
        EXPECT_TRUE(client.closed_without_a_byte());
    }
    for (auto const& seen : origin.requests())
        EXPECT_FALSE(seen.complete);
}

TEST(Limits, AnIdleConnectionIsClosedSilently) {
    FaultOrigin origin;
    ProxyFixture proxy{origin,
                       [](config::Settings& s) { s.client.idle_timeout = milliseconds{300}; }};
    auto used = proxy.client();
    EXPECT_EQ(used.exchange(make_request("GET", "/")).status, 200U);
    EXPECT_TRUE(used.closed_without_a_byte());
    EXPECT_EQ(proxy.metric("requests_total", {{"status", "408"}}), 0);
}

TEST(Limits, ARequestInWorkIsNotAnIdleConnection) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.client.idle_timeout = milliseconds{200};
                           s.client.header_timeout = milliseconds{200};
                       }};
    auto waits = proxy.client();
    waits.send(make_request("GET", "/", {{"X-Fault", "gate=late"}}));
    ASSERT_TRUE(origin.wait_at_gate("late"));
    // An idle connection opened later is closed first, so both times have passed by then.
    auto idle = proxy.client();
    idle.exchange(make_request("GET", "/"));
    EXPECT_TRUE(idle.closed_without_a_byte());
    origin.release("late");
    EXPECT_EQ(waits.read_response().status, 200U);
}

TEST(Limits, RefusalsAreCounted) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    expect_refused(proxy, "GET / HTTP/1.1\r\n\r\n", 400);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_failures_total",
                                      {{"error", "http_request_error"}}, 1));
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "400"}}, 1));
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_rejected_requests_total",
                                      {{"reason", "malformed"}}, 1));
}

}  // namespace
}  // namespace reverse_proxy::integration
