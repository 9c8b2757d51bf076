// Requests that Boost.Beast 1.81 accepts although two readers could understand them differently,
// and those it refuses by itself: whole heads through all that judges them.
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/http/target.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;

namespace {

struct Row {
    std::string_view what;
    std::string_view start;
    std::string_view fields;
    FailureKind kind;
};
constexpr FailureKind kMalformed = FailureKind::request_malformed;
constexpr FailureKind kUnknown = FailureKind::transfer_coding_unknown;

constexpr Row kRows[] = {
    // accepted by Beast
    {"gzip, then a length", "POST / HTTP/1.1",
     "Host: h\r\nTransfer-Encoding: gzip\r\nContent-Length: 5\r\n", kMalformed},
    {"chunked not last", "POST / HTTP/1.1", "Host: h\r\nTransfer-Encoding: chunked, gzip\r\n",
     kMalformed},
    {"xchunked", "POST / HTTP/1.1", "Host: h\r\nTransfer-Encoding: xchunked\r\n", kUnknown},
    {"gzip alone", "POST / HTTP/1.1", "Host: h\r\nTransfer-Encoding: gzip\r\n", kUnknown},
    {"chunked in 1.0", "POST / HTTP/1.0", "Host: h\r\nTransfer-Encoding: chunked\r\n", kMalformed},
    {"list of lengths", "POST / HTTP/1.1", "Host: h\r\nContent-Length: 5, 5\r\n", kMalformed},
    {"no Host", "GET / HTTP/1.1", "", kMalformed},
    {"two Hosts", "GET / HTTP/1.1", "Host: h\r\nHost: h\r\n", kMalformed},
    {"Host not the target's", "GET http://a/ HTTP/1.1", "Host: b\r\n", kMalformed},
    {"obs-fold", "GET / HTTP/1.1", "Host: h\r\nA: b\r\n c\r\n", kMalformed},
    {"non-ASCII target", "GET /\xc3\xa4 HTTP/1.1", "Host: h\r\n", kMalformed},
    // refused by Beast
    {"length, then chunked", "POST / HTTP/1.1",
     "Host: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", kMalformed},
    {"chunked, then length", "POST / HTTP/1.1",
     "Host: h\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n", kMalformed},
    {"length, then gzip", "POST / HTTP/1.1",
     "Host: h\r\nContent-Length: 5\r\nTransfer-Encoding: gzip\r\n", kMalformed},
    {"chunked twice", "POST / HTTP/1.1",
     "Host: h\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kMalformed},
    {"signed length", "POST / HTTP/1.1", "Host: h\r\nContent-Length: +5\r\n", kMalformed},
    {"two lengths", "POST / HTTP/1.1", "Host: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n",
     kMalformed},
    {"blank before the colon", "GET / HTTP/1.1", "Host: h\r\nA : b\r\n", kMalformed},
    {"bare LF", "GET / HTTP/1.1", "Host: h\r\nA: b\nC: d\r\n", kMalformed},
    {"bare CR", "GET / HTTP/1.1", "Host: h\r\nA: b\rC: d\r\n", kMalformed},
    {"NUL", "GET / HTTP/1.1", {"Host: h\r\nA: \0\r\n", 15}, kMalformed},
    {"http/1.1", "GET / http/1.1", "Host: h\r\n", kMalformed},
    {"HTTP/1.2", "GET / HTTP/1.2", "Host: h\r\n", kMalformed},
    {"tab in the target", "GET /a\tb HTTP/1.1", "Host: h\r\n", kMalformed},
};

reverse_proxy::core::Result<void> judge(std::string_view text) {
    RequestHead head;
    if (auto const read = test::read(text, head); !read) return read;
    auto const target = parse_target(head.method, head.target);
    if (!target) return target.error();
    if (auto const host = check_host(head, *target); !host) return host;
    if (auto const framing = request_framing(head); !framing) return framing.error();
    return {};
}

}  // namespace

TEST(HostileRequests, EachIsRefusedForItsOneFault) {
    for (Row const& row : kRows) {
        std::string const text = std::string{row.start} + "\r\n" + std::string{row.fields} + "\r\n";
        auto const verdict = judge(text);
        ASSERT_FALSE(verdict.has_value()) << row.what;
        EXPECT_EQ(verdict.error().kind, row.kind) << row.what;
    }
    EXPECT_TRUE(judge("POST http://h/ HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n"));
}
