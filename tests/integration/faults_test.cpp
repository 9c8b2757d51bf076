// Each fault of an origin, seen from three sides: what the client got, what the origins saw, what
// the metrics say (contract, sections 3, 4 and 7).
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

struct Fault {
    std::string name;
    std::string script;  // of the origin; empty: there is none, see `name`
    unsigned status;     // of the client's answer where no other endpoint can help
    std::string error;   // failures_total; empty: the answer is the origin's own
    std::string outcome;
    std::string retry;  // reason of the retry; empty: none is made
    bool cut{false};    // the head is with the client before the origin breaks
};

/// A port where `fault` happens.
class Bad {
public:
    explicit Bad(Fault const& fault) {
        if (fault.name == "refused") {
            refusing_.emplace();
        } else if (fault.name == "connect_unanswered") {
            silent_.emplace();
        } else {
            origin_.emplace(FaultOrigin::Options{.name = "bad"});
            origin_->always(fault.script);
        }
    }
    [[nodiscard]] std::uint16_t port() const {
        if (refusing_) return refusing_->port();
        return silent_ ? silent_->port() : origin_->port();
    }
    [[nodiscard]] std::string label() const { return "127.0.0.1:" + std::to_string(port()); }
    [[nodiscard]] config::UpstreamUrl url() const { return upstream_at("127.0.0.1", port()); }
    /// Requests that an origin there has seen, of those that were sent to it.
    [[nodiscard]] std::size_t seen() const { return origin_ ? origin_->request_count() : 0; }
    [[nodiscard]] std::size_t would_see(std::size_t sent) const { return origin_ ? sent : 0; }
    void go_on() {
        if (origin_) origin_->release("half");
    }

private:
    std::optional<RefusingPort> refusing_;
    std::optional<SilentPort> silent_;
    std::optional<FaultOrigin> origin_;
};

/// Every wait is short, if longer than a machine stands still, and one failure opens a breaker, for
/// longer than the test takes.
void impatient(config::Settings& settings) {
    settings.upstream.connect_timeout = milliseconds{1000};
    settings.upstream.attempt_timeout = milliseconds{1000};
    settings.upstream.stream_idle_timeout = milliseconds{1000};
    settings.breaker.failure_threshold = 1;
    settings.breaker.open_duration = milliseconds{600'000};
}

class Faults : public ::testing::TestWithParam<Fault> {
protected:
    void expect_clients_view(ProxyFixture const& proxy, Bad& bad) const {
        auto client = proxy.client();
        client.send(make_request("GET", "/"));
        if (GetParam().cut) {
            auto response = client.read_response_head();
            EXPECT_EQ(response.status, 200U);
            bad.go_on();
            EXPECT_THROW(client.read_content(response, [](auto) {}), PeerClosed);
            return;
        }
        auto const response = client.read_response();
        EXPECT_EQ(response.status, GetParam().status);
        EXPECT_EQ(response.field("Proxy-Status"),
                  GetParam().error.empty() ? "" : "reverse-proxy; error=" + GetParam().error);
    }
    /// The failed attempt at the bad endpoint counts as what it was, once, and opens its breaker.
    void expect_counted(ProxyFixture const& proxy, Bad const& bad) const {
        Labels const here{{"upstream", bad.label()}};
        Labels with_outcome = here;
        with_outcome["outcome"] = GetParam().outcome;
        EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_attempts_total", with_outcome, 1));
        EXPECT_EQ(proxy.metric("reverse_proxy_attempts_total", here), 1);
        EXPECT_EQ(proxy.metric("reverse_proxy_upstream_breaker_state", here), 2);
        Labels opened = here;
        opened["to"] = "open";
        EXPECT_EQ(proxy.metric("reverse_proxy_breaker_transitions_total", opened), 1);
        EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_in_flight_requests", {}, 0));
    }
    void expect_failures(ProxyFixture const& proxy, bool failed) const {
        EXPECT_EQ(proxy.metric("reverse_proxy_failures_total"), failed ? 1 : 0);
        EXPECT_EQ(proxy.metric("reverse_proxy_failures_total", {{"error", GetParam().error}}),
                  failed ? 1 : 0);
    }
};

TEST_P(Faults, WhereNoOtherEndpointCanHelp) {
    Bad bad{GetParam()};
    ProxyFixture proxy{{bad.url()}, impatient};
    expect_clients_view(proxy, bad);
    EXPECT_EQ(bad.seen(), bad.would_see(1));
    expect_counted(proxy, bad);
    expect_failures(proxy, !GetParam().error.empty());
    EXPECT_EQ(proxy.metric("reverse_proxy_retries_total"), 0);
    // Now the endpoint is left alone, and that costs the client no wait.
    auto const refused = proxy.get("/");
    EXPECT_EQ(refused.status, 503U);
    EXPECT_EQ(refused.field("Proxy-Status"), "reverse-proxy; error=destination_unavailable");
    EXPECT_GE(std::stoi(refused.field("Retry-After")), 600 - 60);
    EXPECT_EQ(bad.seen(), bad.would_see(1));
    auto const state = nlohmann::json::parse(proxy.get("/healthz?check=upstream").content);
    EXPECT_EQ(state.at("upstreams")[0].at("breaker"), "open");
    EXPECT_EQ(state.at("upstreams")[0].at("eligible"), false);
}

TEST_P(Faults, WhereAnotherEndpointCanHelp) {
    Bad bad{GetParam()};
    FaultOrigin good{{.name = "good"}};
    ProxyFixture proxy{{bad.url(), upstream_at(good)}, impatient};
    bool const retried = !GetParam().retry.empty();
    if (retried) {
        auto const response = proxy.get("/");
        EXPECT_EQ(response.status, 200U);
        EXPECT_EQ(response.field("X-Origin"), "good");
    } else {
        expect_clients_view(proxy, bad);
    }
    EXPECT_EQ(bad.seen(), bad.would_see(1));
    EXPECT_EQ(good.request_count(), retried ? 1U : 0U);
    expect_counted(proxy, bad);
    expect_failures(proxy, !retried && !GetParam().error.empty());
    EXPECT_EQ(proxy.metric("reverse_proxy_retries_total"), retried ? 1 : 0);
    if (retried) {
        EXPECT_EQ(proxy.metric("reverse_proxy_retries_total",
                               {{"upstream", bad.label()}, {"reason", GetParam().retry}}),
                  1);
    }
    // All that follows goes to the good one at once.
    for (int i = 0; i < 6; ++i)
        EXPECT_EQ(proxy.get("/").field("X-Origin"), "good");
    EXPECT_EQ(bad.seen(), bad.would_see(1));
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_attempts_total", {{"outcome", "ok"}},
                                      retried ? 7 : 6));
}

std::vector<Fault> faults() {
    constexpr auto kTerminated = "connection_terminated";
    constexpr auto kTimeout = "http_response_timeout";
    constexpr auto kIncomplete = "http_response_incomplete";
    return {
        {"refused", "", 502, "connection_refused", "connect_failed", "connect"},
        {"connect_unanswered", "", 504, "connection_timeout", "connect_timeout", "connect"},
        {"never_answers", "stall", 504, kTimeout, "timeout", "timeout"},
        {"reset_as_it_reads", "reset_on_request", 502, kTerminated, "reset", "reset"},
        {"reset_before_head", "reset_before_head", 502, kTerminated, "reset", "reset"},
        {"closed_before_head", "close_before_head", 502, kTerminated, "reset", "reset"},
        {"closed_in_head", "close_in_head", 502, kTerminated, "reset", "reset"},
        {"head_too_slow", "drip=50", 504, kTimeout, "timeout", "timeout"},
        {"unavailable", "status=503", 503, "", "error_status", "status"},
        {"gateway_timeout", "status=504", 504, "", "error_status", "status"},
        {"malformed_head", "malformed=garbage", 502, "http_protocol_error", "malformed", ""},
        {"head_too_large", "malformed=huge_head", 502, "http_response_header_section_size",
         "malformed", ""},
        {"reset_after_head", "size=1; gate_mid=half; reset_mid", 0, kIncomplete, "incomplete", "",
         true},
        {"reset_mid_content", "size=100000; gate_mid=half; reset_mid", 0, kIncomplete, "incomplete",
         "", true},
        {"closed_mid_content", "size=100000; gate_mid=half; close_mid", 0, kIncomplete,
         "incomplete", "", true},
        {"closed_mid_chunks", "chunked; size=100000; gate_mid=half; close_mid", 0, kIncomplete,
         "incomplete", "", true},
        {"stalls_mid_content", "size=100000; gate_mid=never", 0, kIncomplete, "incomplete", "",
         true},
    };
}

INSTANTIATE_TEST_SUITE_P(Origins, Faults, ::testing::ValuesIn(faults()),
                         [](auto const& tested) { return tested.param.name; });

// STREAM_IDLE_TIMEOUT_MS is the time in which nothing moves, not that of the whole.
TEST(SlowDrip, OfContentPassesForAsLongAsItMoves) {
    FaultOrigin origin;
    constexpr milliseconds kIdle{1500};
    ProxyFixture proxy{origin,
                       [=](config::Settings& s) { s.upstream.stream_idle_timeout = kIdle; }};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "size=120; drip=20"}}));
    auto response = client.read_response_head();
    EXPECT_EQ(response.status, 200U);
    auto const begin = std::chrono::steady_clock::now();
    std::string content;
    client.read_content(response, [&](auto piece) { content.append(piece); });
    EXPECT_EQ(content, pattern(0, 120));
    EXPECT_GT(std::chrono::steady_clock::now() - begin, kIdle)
        << "shorter than what it must outlast";
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_attempts_total", {{"outcome", "ok"}}, 1));
    EXPECT_EQ(proxy.metric("reverse_proxy_failures_total"), 0);
}

// A head that keeps coming is none all the same: REQUEST_TIMEOUT_MS goes on.
TEST(SlowDrip, OfAHeadIsBoundedByTheRequestsTime) {
    FaultOrigin origin;
    ProxyFixture proxy{
        origin, [](config::Settings& s) { s.upstream.request_timeout = milliseconds{1000}; }};
    EXPECT_EQ(proxy.get_with_fault("drip=50").status, 504U);
    EXPECT_LE(origin.request_count(), 1U) << "no time is left for a retry";
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_failures_total",
                                      {{"error", "http_response_timeout"}}, 1));
    EXPECT_TRUE(origin.wait_connections_open(0));
}

}  // namespace
}  // namespace reverse_proxy::integration
