#include "telemetry/line_ring.hpp"
#include "telemetry/span_record.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view kTraceId = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kSpanId = "b7ad6b7169203331";
constexpr std::string_view kParentId = "00f067aa0ba902b7";

Span span_of(std::string_view target) {
    Span span;
    span.kind = Span::Kind::client;
    span.remote_parent = true;
    span.method = http::Method::put;
    span.minor_version = 0;
    span.status = 503;
    span.resend_count = 4;
    span.started = core::TimePoint{} + 1s;
    span.ended = core::TimePoint{} + 2s;
    span.trace_id = kTraceId;
    span.span_id = kSpanId;
    span.parent_id = kParentId;
    span.method_text = "PUT";
    span.target = target;
    span.server = "a server";
    span.address = "an address";
    span.scheme = "http";
    span.user_agent = "an agent\n";
    span.error = "an error";
    return span;
}

std::string taken(LineRing& ring) {
    std::string records;
    ring.take([&](std::string_view piece) { records.append(piece); });
    return records;
}

void expect_same(Span const& read, Span const& written) {
    EXPECT_EQ(read.kind, written.kind);
    EXPECT_EQ(read.remote_parent, written.remote_parent);
    EXPECT_EQ(read.method, written.method);
    EXPECT_EQ(read.minor_version, written.minor_version);
    EXPECT_EQ(read.status, written.status);
    EXPECT_EQ(read.resend_count, written.resend_count);
    EXPECT_EQ(read.started, written.started);
    EXPECT_EQ(read.ended, written.ended);
    for (auto const text :
         {&Span::trace_id, &Span::span_id, &Span::parent_id, &Span::method_text, &Span::target,
          &Span::server, &Span::address, &Span::scheme, &Span::user_agent, &Span::error})
        EXPECT_EQ(read.*text, written.*text);
}

}  // namespace

TEST(SpanRecord, ComesOutOfTheRingAsItWentIn) {
    auto const ring = std::make_shared<LineRing>(4096);
    SpanRecorder recorder{ring, true};
    Span root = span_of("/\n\n");
    root.parent_id = {};
    // Often enough for records that lie around the ring's end.
    for (unsigned round = 0; round < 50; ++round) {
        recorder.record(span_of("/a?b"));
        recorder.record(root);
        std::string const records = taken(*ring);
        std::string_view rest{records};
        expect_same(take_span(rest), span_of("/a?b"));
        expect_same(take_span(rest), root);
        EXPECT_TRUE(rest.empty());
    }
    EXPECT_EQ(ring->dropped(), 0U);
}

TEST(SpanRecord, EveryTextHasABound) {
    auto const ring = std::make_shared<LineRing>(16384);
    SpanRecorder recorder{ring, true};
    std::string const text(70'000, 'x');
    Span span = span_of(text);
    span.method_text = span.server = span.address = span.scheme = span.user_agent = span.error =
        text;
    recorder.record(span);
    std::string const records = taken(*ring);
    std::string_view rest{records};
    Span const read = take_span(rest);
    EXPECT_TRUE(rest.empty());
    EXPECT_EQ(read.target.size(), 2048U);
    for (auto const member : {&Span::method_text, &Span::server, &Span::address, &Span::scheme,
                              &Span::user_agent, &Span::error})
        EXPECT_EQ((read.*member).size(), 256U);
}

TEST(SpanRecord, TheQueryStaysOutsideUnlessItIsWished) {
    auto const ring = std::make_shared<LineRing>(4096);
    SpanRecorder recorder{ring, false};
    recorder.record(span_of("/a?token=s3cr3t"));
    std::string const records = taken(*ring);
    EXPECT_EQ(records.find("s3cr3t"), std::string::npos);
    std::string_view rest{records};
    EXPECT_EQ(take_span(rest).target, "/a");
}

TEST(SpanRecord, AFullRingDropsWholeSpansAndCounts) {
    auto const ring = std::make_shared<LineRing>(1024);
    SpanRecorder recorder{ring, true};
    for (unsigned i = 0; i < 100; ++i)
        recorder.record(span_of("/a"));
    std::string const records = taken(*ring);
    std::string_view rest{records};
    unsigned read = 0;
    for (; !rest.empty(); ++read)
        expect_same(take_span(rest), span_of("/a"));
    EXPECT_GT(read, 0U);
    EXPECT_EQ(read + ring->dropped(), 100U);
}
