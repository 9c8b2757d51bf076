// Request content: read whole where small, streamed where large or chunked, bounded where asked
// for.
#include "tests/support/pattern.hpp"
#include "tests/support/proxy_fixture.hpp"

#include <gtest/gtest.h>

namespace reverse_proxy::integration {
namespace {

using namespace test_support;

std::string upload(std::size_t size, FieldList fields = {}) {
    return make_request("POST", "/upload", fields, pattern(0, size));
}

std::string upload_head(std::uint64_t length, FieldList fields = {}) {
    fields.emplace_back("Content-Length", std::to_string(length));
    return make_request("POST", "/upload", fields);
}

TEST(Content, OfAnySizeArrivesWhole) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    std::size_t index = 0;
    for (std::size_t const size : {0U, 1U, 4096U, 65'535U, 65'536U, 65'537U, 3'000'000U}) {
        EXPECT_EQ(client.exchange(upload(size)).status, 200U);
        auto const seen = origin.await_request(index++);
        EXPECT_EQ(seen.content_bytes, size);
        EXPECT_TRUE(seen.content_is_pattern) << size;
        EXPECT_EQ(seen.field("Content-Length"), std::to_string(size));
        EXPECT_EQ(seen.count("Transfer-Encoding"), 0U);
    }
    // One, but that content is not sent on one that was quiet for a second.
    EXPECT_LT(origin.connections_accepted(), index);
}

TEST(Content, InChunksArrivesWhole) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    for (std::size_t const piece : {1U, 100U, 70'000U}) {
        std::vector<std::string> pieces;
        for (std::size_t at = 0; at < 5; ++at)
            pieces.push_back(pattern(at * piece, piece));
        auto const response = client.exchange(
            make_request("POST", "/", {{"Transfer-Encoding", "chunked"}}) + chunked(pieces));
        EXPECT_EQ(response.status, 200U);
    }
    for (auto const& seen : origin.requests()) {
        EXPECT_TRUE(seen.content_is_pattern);
        EXPECT_EQ(seen.field("Transfer-Encoding"), "chunked");
    }
    EXPECT_EQ(origin.requests().at(2).content_bytes, 350'000U);
    EXPECT_TRUE(origin.violations().empty());
}

// Up to STREAM_THRESHOLD_BYTES no endpoint is bothered before all is there.
TEST(Content, UpToTheThresholdIsReadWholeFirst) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upload_head(65'536) + pattern(0, 65'535));
    // Another exchange on each worker shows that the first one had its chance to go on.
    for (int i = 0; i < 20; ++i)
        EXPECT_EQ(proxy.get("/other").status, 200U);
    for (auto const& seen : origin.requests())
        EXPECT_EQ(seen.target, "/other");
    client.send(pattern(65'535, 1));
    EXPECT_EQ(client.read_response().status, 200U);
    EXPECT_TRUE(origin.await_request(20).content_is_pattern);
}

TEST(Content, PastTheThresholdIsStreamedAsItComes) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    for (std::string const& head :
         {upload_head(65'537),
          make_request("POST", "/upload", {{"Transfer-Encoding", "chunked"}})}) {
        auto const before = origin.requests().size();
        auto client = proxy.client();
        client.send(head);
        EXPECT_TRUE(origin.wait_for_requests(before + 1)) << "the head waits for the content";
    }
}

TEST(Content, BothDirectionsFlowAtOnce) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    constexpr std::size_t kSize = 8U << 20U;
    client.send(upload_head(kSize, {{"X-Fault", "early_keep; size=" + std::to_string(kSize)}}));
    // The response is read while the upload has not even begun.
    auto const response = client.read_response();
    EXPECT_EQ(response.content.size(), kSize);
    EXPECT_TRUE(response.content == pattern(0, kSize));
}

TEST(Content, AnEarlyFinalResponseStopsTheUpload) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upload_head(1ULL << 30U, {{"X-Fault", "early_final; status=413"}}) +
                pattern(0, 100'000));
    auto const response = client.read_response();
    EXPECT_EQ(response.status, 413U);
    EXPECT_EQ(response.content, "ok\n");
    EXPECT_FALSE(response.keeps_connection());
    EXPECT_TRUE(origin.wait_connections_open(0));
    EXPECT_FALSE(origin.requests().at(0).complete);
    EXPECT_TRUE(client.closed());
}

TEST(Content, AnEarlyFinalResponseToASmallUploadReachesTheClient) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    auto const response = client.exchange(upload(1000, {{"X-Fault", "early_final; status=403"}}));
    EXPECT_EQ(response.status, 403U);
}

TEST(Content, OverTheLimitIsRefusedBeforeTheOriginSeesIt) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_body_bytes = 100'000; }};
    auto client = proxy.client();
    client.send(upload_head(100'001));
    auto const response = client.read_response();
    EXPECT_EQ(response.status, 413U);
    EXPECT_EQ(problem_of(response).status, 413U);
    EXPECT_FALSE(response.keeps_connection());
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(origin.connections_accepted(), 0U);
    EXPECT_EQ(proxy.send(upload(100'000)).status, 200U);
}

// Many a client looks for an answer once it has sent all, and not before.
TEST(Content, AClientThatSendsAllBeforeItReadsGetsTheRefusal) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_body_bytes = 100'000; }};
    auto client = proxy.client();
    constexpr std::size_t kSize = 20'000'000;
    client.send(upload_head(kSize));
    client.send(std::string(kSize, 'x'));
    EXPECT_EQ(client.read_response().status, 413U);
    EXPECT_TRUE(client.closed());
}

// What goes wrong on the client's side is no reason to shut the origin out, also while a response
// is under way.
TEST(Content, AClientThatStallsOrErrsIsNotTheOriginsFault) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.upstream.stream_idle_timeout = std::chrono::seconds{1};
                           s.breaker.failure_threshold = 1;
                       }};
    for (std::string const& next : {std::string{}, std::string{"ZZ\r\n"}}) {
        auto client = proxy.client();
        client.send(make_request("POST", "/upload",
                                 {{"Transfer-Encoding", "chunked"},
                                  {"X-Fault", "early_keep; size=100000; gate_mid=rest"}}) +
                    "3\r\nabc\r\n");
        EXPECT_EQ(client.read_response_head().status, 200U);
        if (!next.empty()) client.send(next);
        EXPECT_TRUE(client.closed());
        origin.release("rest");
        EXPECT_EQ(proxy.metric("reverse_proxy_upstream_breaker_state"), 0) << next;
        EXPECT_EQ(proxy.get("/").status, 200U);
    }
}

TEST(Content, OverTheLimitInChunksIsCut) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) { s.client.max_body_bytes = 100'000; }};
    auto client = proxy.client();
    client.send(make_request("POST", "/", {{"Transfer-Encoding", "chunked"}}) +
                chunked({pattern(0, 60'000), pattern(60'000, 60'000)}));
    EXPECT_EQ(client.read_response().status, 413U);
    EXPECT_TRUE(client.closed());
    EXPECT_TRUE(origin.wait_connections_open(0));
    for (auto const& seen : origin.requests())
        EXPECT_FALSE(seen.complete);
    auto again = proxy.client();
    EXPECT_EQ(again
                  .exchange(make_request("POST", "/", {{"Transfer-Encoding", "chunked"}}) +
                            chunked({pattern(0, 100'000)}))
                  .status,
              200U);
}

TEST(Content, LargeIsRefusedWhereStreamingIsOff) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.client.stream_large_bodies = false;
                           s.client.stream_threshold_bytes = 1000;
                       }};
    EXPECT_EQ(proxy.send(upload(1000)).status, 200U);
    auto client = proxy.client();
    client.send(upload_head(1001));
    EXPECT_EQ(client.read_response().status, 413U);
    auto in_chunks = proxy.client();
    in_chunks.send(make_request("POST", "/", {{"Transfer-Encoding", "chunked"}}) +
                   chunked({pattern(0, 600), pattern(600, 600)}));
    EXPECT_EQ(in_chunks.read_response().status, 413U);
    for (auto const& seen : origin.requests()) {
        EXPECT_TRUE(!seen.complete || seen.content_bytes == 1000U);
    }
}

TEST(Content, NoneAtAllPassesAThresholdOfNothing) {
    FaultOrigin origin;
    ProxyFixture proxy{origin, [](config::Settings& s) {
                           s.client.stream_large_bodies = false;
                           s.client.stream_threshold_bytes = 0;
                       }};
    auto const in_chunks = [&](std::vector<std::string> const& pieces) {
        return proxy.send(make_request("POST", "/", {{"Transfer-Encoding", "chunked"}}) +
                          chunked(pieces));
    };
    EXPECT_EQ(in_chunks({}).status, 200U);
    EXPECT_EQ(in_chunks({"x"}).status, 413U);
    EXPECT_EQ(proxy.send(upload(0)).status, 200U);
    EXPECT_EQ(proxy.send(upload(1)).status, 413U);
}

TEST(Content, OfAGetPasses) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto const response =
        proxy.send(make_request("GET", "/search", {{"X-Fault", "echo"}}, "{\"q\":1}"));
    EXPECT_EQ(response.content, "{\"q\":1}");
}

TEST(Content, CutShortByTheClientIsNeverCompletedForTheOrigin) {
    FaultOrigin origin;
    ProxyFixture proxy{origin};
    auto client = proxy.client();
    client.send(upload_head(200'000) + pattern(0, 70'000));
    ASSERT_TRUE(origin.wait_for_requests(1));
    client.reset();
    EXPECT_TRUE(origin.wait_client_closed(0));
    EXPECT_FALSE(origin.requests().at(0).complete);
    EXPECT_TRUE(proxy.wait_for_metric("requests_total", {{"status", "499"}}, 1));
}

}  // namespace
}  // namespace reverse_proxy::integration
