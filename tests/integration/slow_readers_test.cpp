// Who reads, however slowly, is not cut: STREAM_IDLE_TIMEOUT_MS is the longest time in which no
// byte moves (contract, section 2).
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
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
        settings.upstream.stream_idle_timeout = milliseconds{200};
        settings.upstream.tunnel_idle_timeout = milliseconds{200};
        settings.breaker.failure_threshold = 1;
    }

    FaultOrigin origin_{{.socket = kSlow}};
    ProxyFixture proxy_{origin_, idle_soon};
};

/// With Content-Length the kernel moves the content, in chunks it is copied.
class SlowReadersOfContent : public SlowReaders, public ::testing::WithParamInterface<bool> {
protected:
    [[nodiscard]] static bool in_chunks() { return GetParam(); }
};

/// All of it, after a slow beginning.
void expect_pattern(RawClient& client, Response& response, std::size_t size) {
    PatternCheck check;
    client.reader().slow_down();
    client.read_content(response, [&](std::string_view piece) { check.feed(piece); });
    EXPECT_EQ(check.size(), size);
    EXPECT_TRUE(check.matches());
}

TEST_P(SlowReadersOfContent, OfAResponse) {
    std::string const framing = in_chunks() ? "chunked; " : "";
    // With loopback's segments the kernel holds megabytes, and one wait for room outlasts the idle
    // time; with small ones there are many short waits.
    for (SocketOptions const& options : {kSlow, SocketOptions{.receive_buffer_bytes = 16 * 1024}}) {
        auto client = proxy_.client(options);
        client.send(
            make_request("GET", "/", {{"X-Fault", framing + "size=" + std::to_string(kSize)}}));
        auto response = client.read_response_head();
        expect_pattern(client, response, kSize);
    }
}

TEST_P(SlowReadersOfContent, OfAnUpload) {
    std::string const content = pattern(0, kSize);
    for (std::string const fault : {"slow_read", "slow_read; early_half; size=1000"}) {
        FieldList fields{{"X-Fault", fault}};
        if (in_chunks()) fields.emplace_back("Transfer-Encoding", "chunked");
        auto client = proxy_.client();
        client.send(in_chunks() ? make_request("POST", "/", fields) + chunked({content})
                                : make_request("POST", "/", fields, content));
        EXPECT_EQ(client.read_response().status, 200U) << fault;
        auto const seen = origin_.requests().back();
        EXPECT_EQ(seen.content_bytes, kSize) << fault;
        EXPECT_TRUE(seen.content_is_pattern) << fault;
    }
}

INSTANTIATE_TEST_SUITE_P(Slow, SlowReadersOfContent, ::testing::Bool(), [](auto const& tested) {
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
    client.reader().slow_down();
    PatternCheck check;
    for (std::string piece; !(piece = client.reader().read_some()).empty();)
        check.feed(piece);
    EXPECT_EQ(check.size(), kSize);
    EXPECT_TRUE(check.matches());
}

}  // namespace
}  // namespace reverse_proxy::integration
