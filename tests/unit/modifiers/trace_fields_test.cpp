#include "tests/unit/modifiers/sections.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

using namespace reverse_proxy;
using modifiers::test::Modified;
using modifiers::test::peer_at;

namespace {

constexpr std::string_view kNone = "(none)";
constexpr std::string_view kTraceId = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kParentId = "b7ad6b7169203331";

Modified with(std::string_view fields, bool trusted_peer = false) {
    return {"GET / HTTP/1.1", "Host: h\r\n" + std::string{fields},
            peer_at("192.0.2.1", trusted_peer)};
}

std::string_view request_id(Modified const& request) {
    return {request.facts.request_id, request.facts.request_id_size};
}
std::string_view trace_id(Modified const& request) {
    return {request.facts.trace_id, 32};
}

bool is_made(std::string_view id, std::size_t digits) {
    return id.size() == digits &&
           std::all_of(id.begin(), id.end(),
                       [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }) &&
           id.find_first_not_of('0') != std::string_view::npos;
}

}  // namespace

TEST(RequestId, MadeWhereNoneIsToBeBelieved) {
    for (std::string_view const fields : {"", "X-Request-Id: mine\r\n"}) {
        Modified const request = with(fields);
        EXPECT_TRUE(is_made(request_id(request), 32)) << request_id(request);
        EXPECT_EQ(request.value("X-Request-Id"), request_id(request));
    }
}

TEST(RequestId, OfATrustedPeerIsKeptWhereValid) {
    for (std::string const& id :
         {std::string{"a"}, std::string{"A-1_2.3~4:/+=@"}, std::string(64, 'z')}) {
        Modified const request = with("X-Request-Id: " + id + "\r\n", true);
        EXPECT_EQ(request_id(request), id);
        EXPECT_EQ(request.value("X-Request-Id"), id);
    }
}

TEST(RequestId, OfATrustedPeerIsReplacedWhereNot) {
    for (std::string const& fields :
         {std::string{"X-Request-Id:\r\n"}, "X-Request-Id: " + std::string(65, 'z') + "\r\n",
          std::string{"X-Request-Id: a b\r\n"}, std::string{"X-Request-Id: a\"b\r\n"},
          std::string{"X-Request-Id: a,b\r\n"}, std::string{"X-Request-Id: \xc3\xa4\r\n"},
          std::string{"X-Request-Id: a\tb\r\n"}, std::string{"X-Request-Id: <a>\r\n"},
          std::string{"X-Request-Id: a\r\nX-Request-Id: b\r\n"}}) {
        Modified const request = with(fields, true);
        EXPECT_TRUE(is_made(request_id(request), 32)) << fields;
        EXPECT_EQ(request.value("X-Request-Id"), request_id(request)) << fields;
    }
}

TEST(RequestId, NoTwoAlike) {
    core::Random random{3};
    http::test::Request first{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    http::test::Request second{"GET / HTTP/1.1\r\nHost: h\r\n\r\n"};
    modifiers::RequestFacts facts;
    auto const target = http::parse_target("GET", "/");
    modify_request(first.head, *target, peer_at("192.0.2.1", false), {}, random, facts);
    std::string const id{facts.request_id, facts.request_id_size};
    std::string const trace{facts.trace_id, 32};
    modify_request(second.head, *target, peer_at("192.0.2.1", false), {}, random, facts);
    EXPECT_NE(id, (std::string{facts.request_id, facts.request_id_size}));
    EXPECT_NE(trace, (std::string{facts.trace_id, 32}));
    EXPECT_NE(id, trace);
}

TEST(Traceparent, PassedOnWithANewParent) {
    struct Row {
        std::string_view version, flags, tail, flags_sent;
    };
    constexpr Row kRows[] = {
        {"00", "01", "", "01"},           {"00", "00", "", "00"},  {"00", "03", "", "03"},
        {"00", "ff", "", "03"},           {"00", "fc", "", "00"},  {"01", "03", "", "01"},
        {"cc", "00", "-what-ever", "00"}, {"fe", "ff", "-", "01"},
    };
    for (Row const& row : kRows) {
        std::string const sent = std::string{row.version} + '-' + std::string{kTraceId} + '-' +
                                 std::string{kParentId} + '-' + std::string{row.flags} +
                                 std::string{row.tail};
        Modified const request =
            with("traceparent: " + sent + "\r\ntracestate: a=b\r\nTraceState: c=d\r\n");
        std::string const passed = request.value("traceparent");
        EXPECT_EQ(trace_id(request), kTraceId);
        ASSERT_EQ(passed.size(), 55U) << sent;
        EXPECT_EQ(passed.substr(0, 36), "00-" + std::string{kTraceId} + "-") << sent;
        EXPECT_TRUE(is_made(passed.substr(36, 16), 16)) << passed;
        EXPECT_NE(passed.substr(36, 16), kParentId);
        EXPECT_EQ(passed.substr(52), "-" + std::string{row.flags_sent}) << sent;
        EXPECT_EQ(request.value("tracestate"), "a=b | c=d");
    }
}

TEST(Traceparent, MadeWhereNoneOrNotValid) {
    std::string const trace{kTraceId};
    std::string const parent{kParentId};
    std::string const zeros(32, '0');
    for (std::string const& value :
         {std::string{}, "00-" + trace + "-" + parent + "-0", "00-" + trace + "-" + parent + "-01-",
          "00-" + trace + "-" + parent + "-01x", "01-" + trace + "-" + parent + "-01x",
          "ff-" + trace + "-" + parent + "-01", "0g-" + trace + "-" + parent + "-01",
          "00-" + zeros + "-" + parent + "-01", "00-" + trace + "-" + zeros.substr(0, 16) + "-01",
          "00_" + trace + "-" + parent + "-01", "00-" + trace + "_" + parent + "-01",
          "00-" + trace + "-" + parent + "_01",
          "00-0AF7651916CD43DD8448EB211C80319C-" + parent + "-01",
          "00-" + trace + "-B7AD6B7169203331-01", "00-" + trace + "-" + parent + "-0A",
          "00-" + trace + "-" + parent + "-01\r\ntraceparent: 00-" + trace + "-" + parent +
              "-01"}) {
        Modified const request = with("traceparent: " + value + "\r\ntracestate: a=b\r\n");
        EXPECT_TRUE(is_made(trace_id(request), 32)) << value;
        EXPECT_NE(trace_id(request), kTraceId) << value;
        std::string const made = request.value("traceparent");
        EXPECT_EQ(made.substr(0, 36), "00-" + std::string{trace_id(request)} + "-") << value;
        EXPECT_EQ(made.substr(52), "-01") << value;
        EXPECT_EQ(request.value("tracestate"), kNone) << value;
    }
    EXPECT_EQ(with("").value("traceparent").size(), 55U);
    EXPECT_EQ(with("tracestate: a=b\r\n").value("tracestate"), kNone);
}

namespace {

Modified sampled_by(unsigned percent, std::string_view fields, bool trusted_peer = false) {
    return {"GET / HTTP/1.1",
            "Host: h\r\n" + std::string{fields},
            peer_at("192.0.2.1", trusted_peer),
            {},
            modifiers::TraceSampling{true, percent}};
}

std::string traceparent(std::string_view flags) {
    return "traceparent: 00-" + std::string{kTraceId} + '-' + std::string{kParentId} + '-' +
           std::string{flags} + "\r\n";
}

}  // namespace

TEST(SpanContext, HoldsWhatTheOriginIsToldAndWhatTheClientSaid) {
    Modified const request = sampled_by(100, traceparent("01"));
    telemetry::SpanContext const& span = request.facts.span;
    ASSERT_TRUE(span.sampled);
    EXPECT_TRUE(span.has_parent);
    EXPECT_EQ((std::string_view{span.trace_id, 32}), kTraceId);
    EXPECT_EQ((std::string_view{span.parent_id, 16}), kParentId);
    std::string const own{span.span_id, 16};
    std::string const attempt{span.attempt_id, 16};
    EXPECT_TRUE(is_made(own, 16)) << own;
    EXPECT_NE(own, attempt);
    EXPECT_EQ(request.value("traceparent"), "00-" + std::string{kTraceId} + '-' + attempt + "-01");

    Modified const first = sampled_by(100, "");
    ASSERT_TRUE(first.facts.span.sampled);
    EXPECT_FALSE(first.facts.span.has_parent);
    EXPECT_EQ((std::string_view{first.facts.span.trace_id, 32}), trace_id(first));
}

TEST(TraceSampling, DecidesAndTellsTheOrigin) {
    struct Row {
        unsigned percent;
        bool trusted;
        std::string_view flags, flags_sent;  // no flags: no traceparent
    };
    constexpr Row kRows[] = {
        {100, false, "", "01"},   {0, false, "", "00"},    {0, true, "", "00"},
        {100, false, "01", "01"}, {0, false, "01", "00"},  {0, false, "03", "02"},
        {0, true, "01", "01"},    {100, true, "00", "00"}, {100, false, "00", "00"},
        {100, false, "02", "02"}, {0, true, "03", "03"},
    };
    for (Row const& row : kRows) {
        Modified const request = sampled_by(
            row.percent, row.flags.empty() ? std::string{} : traceparent(row.flags), row.trusted);
        EXPECT_EQ(request.value("traceparent").substr(53), row.flags_sent)
            << row.percent << row.trusted << row.flags;
        EXPECT_EQ(request.facts.span.sampled, row.flags_sent.back() % 2 == 1);
    }
    Modified const off = with(traceparent("01"));
    EXPECT_FALSE(off.facts.span.sampled);
    EXPECT_EQ(off.value("traceparent").substr(53), "01");
}

TEST(TraceSampling, DrawsItsShareWhateverTheTraceId) {
    constexpr unsigned kRequests = 4000;
    core::Random random{7};
    for (std::string const& sent : {std::string{}, traceparent("01")}) {
        std::string const text = "GET / HTTP/1.1\r\nHost: h\r\n" + sent + "\r\n";
        unsigned drawn = 0;
        for (unsigned i = 0; i < kRequests; ++i) {
            http::test::Request request{text};
            modifiers::RequestFacts facts;
            modify_request(request.head, *http::parse_target("GET", "/"),
                           peer_at("192.0.2.1", false), {}, random, facts, {true, 25});
            if (facts.span.sampled) ++drawn;
        }
        EXPECT_NEAR(drawn, kRequests / 4, kRequests / 40) << sent;
    }
}
