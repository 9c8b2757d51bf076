// A response cut short after its head went out must look cut short to the client, too.
#include "tests/support/malformed_responses.hpp"
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

struct Case {
    std::string name;
    std::string script;
};

class Truncated : public ::testing::TestWithParam<Case> {};

TEST_P(Truncated, IsSeenByTheClient) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.breaker.enabled = false; }};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", GetParam().script + "; gate_mid=half"}}));
    // The head is with the client before the origin breaks: what follows cannot be a 502.
    auto response = client.read_response_head();
    EXPECT_EQ(response.status, 200U);
    origin.release("half");
    std::string content;
    EXPECT_THROW(client.read_content(response, [&](auto piece) { content.append(piece); }),
                 PeerClosed);
    EXPECT_EQ(content, pattern(0, content.size()));
    EXPECT_LT(content.size(), 100'000U);
    EXPECT_TRUE(proxy.wait_for_metric("reverse_proxy_failures_total",
                                      {{"error", "http_response_incomplete"}}, 1));
    EXPECT_TRUE(
        proxy.wait_for_metric("reverse_proxy_attempts_total", {{"outcome", "incomplete"}}, 1));
    // Nothing is sent twice.
    EXPECT_EQ(origin.requests().size(), 1U);
    EXPECT_EQ(proxy.get("/").content, "ok\n");
}

INSTANTIATE_TEST_SUITE_P(Responses, Truncated,
                         ::testing::ValuesIn(std::vector<Case>{
                             {"length_closed", "size=100000; close_mid"},
                             {"length_reset", "size=100000; reset_mid"},
                             {"length_small_closed", "size=100; close_mid"},
                             {"chunked_closed", "chunked; size=100000; close_mid"},
                             {"chunked_reset", "chunked; size=100000; reset_mid"},
                             {"length_too_long", "size=100; lie_length=200"},
                         }),
                         [](auto const& tested) { return tested.param.name; });

// A reset is the one sign of a cut that an until-close response has.
TEST(TruncatedResponse, UntilCloseResetIsSeenByTheClient) {
    if (os::is_windows()) GTEST_SKIP() << "Wine tells a reset as an end";
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(make_request("GET", "/",
                             {{"X-Fault", "until_close; size=1000; gate_mid=half; reset_mid"}}));
    auto response = client.read_response_head();
    origin.release("half");
    EXPECT_THROW(client.read_content(response, [](auto) {}), PeerClosed);
}

class BrokenChunks : public ::testing::TestWithParam<std::string> {};

TEST_P(BrokenChunks, AreSeenByTheClientAndWhatFollowsIsNeverUsed) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.breaker.enabled = false;
                           s.listener.workers = 1;
                       }};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "malformed=" + GetParam()}}));
    auto const response = client.read_response_as_it_comes();
    // All came in one piece: either nothing was passed on yet, or the cut must show.
    EXPECT_TRUE(response.status == 502U || !response.complete);
    EXPECT_EQ(response.content.find("stolen"), std::string::npos);
    EXPECT_EQ(proxy.get("/").content, "ok\n");
    EXPECT_EQ(origin.connections_accepted(), 2U) << "the connection was used again";
}

INSTANTIATE_TEST_SUITE_P(TruncatedResponse, BrokenChunks, ::testing::ValuesIn(malformed_chunks()),
                         [](auto const& tested) { return tested.param; });

TEST(TruncatedResponse, StalledContentIsCutAfterTheIdleTime) {
    FaultOrigin origin;
    ProxyFixture proxy{
        origin, [](config::Settings& s) { s.upstream.stream_idle_timeout = milliseconds{300}; }};
    auto client = proxy.client();
    client.send(make_request("GET", "/", {{"X-Fault", "size=1000; gate_mid=never"}}));
    EXPECT_FALSE(client.read_response_as_it_comes().complete);
    EXPECT_TRUE(origin.wait_client_closed(0));
}

// What an origin sends beyond the end of its response must not become the next one's answer.
TEST(TruncatedResponse, ASecondResponseBehindTheFirstIsNeverUsed) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.listener.workers = 1; }};
    for (std::string const kind : {"smuggled", "content_204", "content_304"}) {
        auto client = proxy.client();
        auto const first =
            client.exchange(make_request("GET", "/", {{"X-Fault", "malformed=" + kind}}));
        EXPECT_EQ(first.content.find("stolen"), std::string::npos) << kind;
        for (int i = 0; i < 3; ++i) {
            EXPECT_EQ(client.exchange(make_request("GET", "/")).content, "ok\n") << kind;
        }
    }
}

TEST(TruncatedResponse, ContentBehindAHeadResponseIsNeverUsed) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.listener.workers = 1; }};
    auto client = proxy.client();
    client.send(make_request("HEAD", "/", {{"X-Fault", "malformed=smuggled"}}));
    EXPECT_EQ(client.read_response(true).status, 200U);
    EXPECT_EQ(client.exchange(make_request("GET", "/")).content, "ok\n");
}

}  // namespace
}  // namespace reverse_proxy::integration
