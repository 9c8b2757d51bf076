// Who reads, however slowly, is not cut: STREAM_IDLE_TIMEOUT_MS is the longest time in which no
// byte moves (contract, section 2).
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/process_memory.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

constexpr std::size_t kSize = std::size_t{16} << 20U;
/// A pipe's worth and the buffers of both ends take them many times the idle time.
constexpr SocketOptions kSlow{.receive_buffer_bytes = 16 * 1024, .segment_bytes = 1400};

class SlowReaders : public ::testing::Test {
protected:
    void SetUp() override {
        if (os::is_windows()) GTEST_SKIP() << "what the peer has acknowledged is told by Linux";
    }
    static void idle_soon(config::Settings& settings) {
        // A sanitizer's run is there for other faults and may be too slow for this pace. A machine
        // that stands still for most of a second is no idle peer.
        settings.upstream.stream_idle_timeout = milliseconds{kMemoryIsMeaningful ? 1000 : 3000};
        settings.upstream.tunnel_idle_timeout = settings.upstream.stream_idle_timeout;
        settings.breaker.failure_threshold = 1;
    }

    FaultOrigin origin_{{.socket = kSlow}};
    ProxyFixture proxy_{origin_, idle_soon};
};

// With loopback's segments the kernel holds megabytes, and one wait for room outlasts the idle
// time; with small ones there are many short waits.
TEST_F(SlowReaders, OfAResponse) {
    for (SocketOptions const& options : {kSlow, SocketOptions{.receive_buffer_bytes = 16 * 1024}}) {
        auto client = proxy_.client(options);
        client.send(make_request("GET", "/", {{"X-Fault", "size=" + std::to_string(kSize)}}));
        auto response = client.read_response_head();
        client.reader().slow_down(options.segment_bytes > 0 ? 200 : 100);
        PatternCheck check;
        client.read_content(response, [&](std::string_view piece) { check.feed(piece); });
        EXPECT_EQ(check.size(), kSize);
        EXPECT_TRUE(check.matches());
    }
}

// What the proxy answers itself lies in its memory as a whole: no more comes that would move.
TEST_F(SlowReaders, OfTheProxysOwnAnswer) {
    constexpr unsigned kUpstreams = 500;  // megabytes of samples
    std::vector<config::UpstreamUrl> upstreams;
    for (unsigned upstream = 1; upstream <= kUpstreams; ++upstream)
        upstreams.push_back(upstream_at("127.0.0.1", static_cast<std::uint16_t>(upstream)));
    ProxyFixture proxy{std::move(upstreams), idle_soon};
    auto client = proxy.client(kSlow);
    client.send(make_request("GET", "/metrics", {}));
    auto response = client.read_response_head();
    client.reader().slow_down(150);
    std::size_t size = 0;
    client.read_content(response, [&](std::string_view piece) { size += piece.size(); });
    EXPECT_EQ(std::to_string(size), response.field("Content-Length"));
}

class SlowReadersOfUploads : public SlowReaders, public ::testing::WithParamInterface<bool> {};

// The response has begun, and more of it comes only when the content has been read.
TEST_P(SlowReadersOfUploads, ThatAnswerEarly) {
    FieldList fields{{"X-Fault", "slow_read=200; early_half; size=1000"}};
    bool const in_chunks = GetParam();  // else the kernel moves the content
    if (in_chunks) fields.emplace_back("Transfer-Encoding", "chunked");
    std::string const content = pattern(0, kSize);
    auto client = proxy_.client();
    client.send(in_chunks ? make_request("POST", "/", fields) + chunked({content})
                          : make_request("POST", "/", fields, content));
    EXPECT_EQ(client.read_response().status, 200U);
    auto const seen = origin_.await_request(0);
    EXPECT_EQ(seen.content_bytes, kSize);
    EXPECT_TRUE(seen.content_is_pattern);
}

INSTANTIATE_TEST_SUITE_P(Slow, SlowReadersOfUploads, ::testing::Bool(), [](auto const& tested) {
    return tested.param ? "InChunks" : "OfKnownLength";
});

// Once one end has closed, the other one has STREAM_IDLE_TIMEOUT_MS.
TEST_F(SlowReaders, OfATunnelThatIsHalfClosed) {
    auto client = proxy_.client(kSlow);
    client.send(make_request("GET", "/",
                             {{"Connection", "Upgrade"},
                              {"Upgrade", "x"},
                              {"X-Fault", "upgrade; size=" + std::to_string(kSize)}}));
    ASSERT_EQ(client.read_response_head().status, 101U);
    client.reader().slow_down(200);
    PatternCheck check;
    for (std::string piece; !(piece = client.reader().read_some()).empty();)
        check.feed(piece);
    EXPECT_EQ(check.size(), kSize);
    EXPECT_TRUE(check.matches());
}

}  // namespace
}  // namespace reverse_proxy::integration
