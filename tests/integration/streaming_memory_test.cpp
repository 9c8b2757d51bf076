// Large content moves through bounded memory, and who reads slowly slows the sender. The runs with
// 1 GB are end-to-end tests; here client and origin share the process, so their share counts, too.
#include "tests/support/os.hpp"
#include "tests/support/pattern.hpp"
#include "tests/support/process_memory.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;
using std::chrono::milliseconds;

constexpr std::uint64_t kSize = 64U << 20U;
constexpr std::uint64_t kMemoryBound = 32U << 20U;
constexpr SocketOptions kSmallBuffers{.receive_buffer_bytes = 64 * 1024,
                                      .send_buffer_bytes = 64 * 1024};

/// What the kernel alone may come to hold for one transfer: the proxy's receive buffer on the
/// origin's side and the send buffers of origin and proxy, as far as it lets them grow.
std::uint64_t kernel_buffers() {
    std::uint64_t total = 0;
    for (auto const& [file, buffers] : {std::pair{"tcp_rmem", 1U}, std::pair{"tcp_wmem", 2U}}) {
        std::ifstream limits{std::string{"/proc/sys/net/ipv4/"} + file};
        std::uint64_t least = 0;
        std::uint64_t usual = 0;
        std::uint64_t most = 0;
        limits >> least >> usual >> most;
        total += buffers * most;
    }
    return total;
}

class StreamingMemory : public ::testing::Test {
protected:
    void SetUp() override {
        if (os::is_windows()) GTEST_SKIP() << "what the system may hold is told by Linux alone";
        proxy_.get("/warm-up");
        reset_peak();
        before_ = resident_bytes();
    }
    void expect_bounded() const {
        if (!kMemoryIsMeaningful) return;
        auto const peak = peak_resident_bytes();
        EXPECT_LT(peak > before_ ? peak - before_ : 0, kMemoryBound);
    }

    FaultOrigin origin_{{.socket = kSmallBuffers}};
    ProxyFixture proxy_{origin_};
    std::uint64_t before_{0};
};

TEST_F(StreamingMemory, ASlowReaderSlowsTheOrigin) {
    ASSERT_LT(kernel_buffers() + (4U << 20U), kSize) << "the kernel could hold it all";
    for (std::string const framing : {"", "chunked; "}) {
        auto const sent_before = origin_.bytes_sent();
        auto client = proxy_.client(kSmallBuffers);
        client.send(
            make_request("GET", "/", {{"X-Fault", framing + "size=" + std::to_string(kSize)}}));
        auto response = client.read_response_head();
        ASSERT_TRUE(origin_.wait_blocked());
        EXPECT_LT(origin_.bytes_sent() - sent_before, kernel_buffers() + (4U << 20U))
            << "who holds the rest?";
        PatternCheck check;
        client.read_content(response, [&](std::string_view piece) { check.feed(piece); });
        EXPECT_EQ(check.size(), kSize);
        EXPECT_TRUE(check.matches());
    }
    expect_bounded();
}

TEST_F(StreamingMemory, ASlowOriginSlowsTheUpload) {
    auto client = proxy_.client(kSmallBuffers);
    client.send(make_request(
        "POST", "/",
        {{"Content-Length", std::to_string(kSize)}, {"X-Fault", "gate_content=reading"}}));
    ASSERT_TRUE(origin_.wait_at_gate("reading"));
    constexpr std::size_t kPiece = 64 * 1024;
    std::uint64_t sent = 0;
    while (sent < kSize) {
        auto const length = std::min<std::uint64_t>(kPiece, kSize - sent);
        auto const taken = client.socket().send_some(pattern(sent, length), milliseconds{500});
        if (taken == 0) break;
        sent += taken;
    }
    EXPECT_LT(sent, kSize / 2) << "who holds the rest?";
    origin_.release("reading");
    while (sent < kSize) {
        auto const length = std::min<std::uint64_t>(kPiece, kSize - sent);
        client.send(pattern(sent, length));
        sent += length;
    }
    EXPECT_EQ(client.read_response().status, 200U);
    auto const seen = origin_.await_request(1);
    EXPECT_EQ(seen.content_bytes, kSize);
    EXPECT_TRUE(seen.content_is_pattern);
    expect_bounded();
}

}  // namespace
}  // namespace reverse_proxy::integration
