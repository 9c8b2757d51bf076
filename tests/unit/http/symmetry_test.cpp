// Requests and responses are judged alike: what no client may say about a message's end, no origin
// may say either.
#include "reverse_proxy/http/framing.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::http;
using namespace std::string_view_literals;

namespace {

bool request_is_refused(std::string const& fields) {
    RequestHead head;
    std::string const text = "POST / HTTP/1.1\r\nHost: h\r\n" + fields + "\r\n";
    return !test::read(text, head) || !request_framing(head);
}

bool response_is_refused(std::string const& fields, std::string_view start, bool to_head) {
    ResponseHead head;
    std::string const text = std::string{start} + "\r\n" + fields + "\r\n";
    return !test::read(text, head) || !response_framing(head, to_head);
}

/// Refused in a request, and in a response of any status and to any method.
constexpr std::string_view kRefused[] = {
    // lengths
    "Content-Length:\r\n"sv,
    "Content-Length: +5\r\n"sv,
    "Content-Length: -5\r\n"sv,
    "Content-Length: 0x5\r\n"sv,
    "Content-Length: 5x\r\n"sv,
    "Content-Length: 1_0\r\n"sv,
    "Content-Length: 05\r\n"sv,
    "Content-Length: 5 5\r\n"sv,
    "Content-Length: 5.0\r\n"sv,
    "Content-Length: 5e1\r\n"sv,
    "Content-Length: \"5\"\r\n"sv,
    "Content-Length: 5;a=b\r\n"sv,
    "Content-Length: 5, 5\r\n"sv,
    "Content-Length: 5, 6\r\n"sv,
    "Content-Length: 5,\r\n"sv,
    "Content-Length: ,5\r\n"sv,
    "Content-Length: 5\r\nContent-Length: 5\r\n"sv,
    "Content-Length: 5\r\nContent-Length: 6\r\n"sv,
    "Content-Length: 5\r\ncontent-length:\r\n"sv,
    "Content-Length: 9223372036854775808\r\n"sv,
    "Content-Length: 18446744073709551616\r\n"sv,
    "Content-Length: 18446744073709551621\r\n"sv,
    "Content-Length: \xef\xbc\x95\r\n"sv,  // a full-width 5
    "Content-Length: 5\0\r\n"sv,
    "Content-Length : 5\r\n"sv,
    "Content-Length\t: 5\r\n"sv,
    "Content-Length:\r\n 5\r\n"sv,
    " Content-Length: 5\r\n"sv,
    "Content-Length: 5\n"sv,
    "Content-Length: 5\rX: y\r\n"sv,
    "Content-Length: 5\r\r\n"sv,
    "Content-\0Length: 5\r\n"sv,
    "Content-Length\x80: 5\r\n"sv,
    // codings
    "Transfer-Encoding:\r\n"sv,
    "Transfer-Encoding: ,\r\n"sv,
    "Transfer-Encoding: chunked,\r\n"sv,
    "Transfer-Encoding: ,chunked\r\n"sv,
    "Transfer-Encoding: chunked, chunked\r\n"sv,
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: chunked\r\nTransfer-Encoding:\r\n"sv,
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n"sv,
    "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: identity, chunked\r\n"sv,
    "Transfer-Encoding: gzip, chunked\r\n"sv,
    "Transfer-Encoding: chunked, gzip\r\n"sv,
    "Transfer-Encoding: gzip\r\n"sv,
    "Transfer-Encoding: identity\r\n"sv,
    "Transfer-Encoding: chunked;q=1\r\n"sv,
    "Transfer-Encoding: chunked ;q=1\r\n"sv,
    "Transfer-Encoding: \"chunked\"\r\n"sv,
    "Transfer-Encoding: 'chunked'\r\n"sv,
    "Transfer-Encoding: xchunked\r\n"sv,
    "Transfer-Encoding: chunkedx\r\n"sv,
    "Transfer-Encoding: chunk\r\n"sv,
    "Transfer-Encoding: chun ked\r\n"sv,
    "Transfer-Encoding: \x0b"
    "chunked\r\n"sv,
    "Transfer-Encoding: \x0c"
    "chunked\r\n"sv,
    "Transfer-Encoding: chunked\x1f\r\n"sv,
    "Transfer-Encoding: chunked\0\r\n"sv,
    "Transfer-Encoding: \xc4\x8bhunked\r\n"sv,
    "Transfer-Encoding: chunked\xa0\r\n"sv,
    "Transfer-Encoding : chunked\r\n"sv,
    "Transfer-Encoding\t: chunked\r\n"sv,
    "Transfer-Encoding:\r\n chunked\r\n"sv,
    "Transfer-Encoding: chunked\r\n x\r\n"sv,
    "X: y\r\n Transfer-Encoding: chunked\r\n"sv,
    "X: y\rTransfer-Encoding: chunked\r\n"sv,
    "X: y\nTransfer-Encoding: chunked\r\n"sv,
    "X: y\r\n\rTransfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding chunked\r\n"sv,
    "Transfer-Encoding\r\n: chunked\r\n"sv,
    // both
    "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"sv,
    "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"sv,
    "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n"sv,
    "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n"sv,
    "Transfer-Encoding:\r\nContent-Length: 5\r\n"sv,
    "Content-Length: 5\r\nX: y\r\nTransfer-Encoding: gzip\r\n"sv,
    "Connection: content-length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n"sv,
    // names and values that end where readers disagree
    "X: y\0z\r\n"sv,
    "X: y\x7f\r\n"sv,
    "X: \x01\r\n"sv,
    "X\x80: y\r\n"sv,
    "X\xff: y\r\n"sv,
    "X : y\r\n"sv,
    ": y\r\n"sv,
    "X\r\n"sv,
    "(X): y\r\n"sv,
    "X;Y: z\r\n"sv,
    "X: y\r\n z\r\n"sv,
    "X: y\r\n\tz\r\n"sv,
    "X: y\r\r\n"sv,
};

/// What frames a message in a request frames it in a response.
struct Framed {
    std::string_view fields;
    Framing::Kind kind;
    std::uint64_t length;
};
constexpr Framed kAccepted[] = {
    {"Content-Length: 0\r\n", Framing::Kind::length, 0},
    {"content-length:5\r\n", Framing::Kind::length, 5},
    {"CONTENT-LENGTH:\t 5 \t\r\n", Framing::Kind::length, 5},
    {"Content-Length: 9223372036854775807\r\n", Framing::Kind::length, 9'223'372'036'854'775'807U},
    {"Transfer-Encoding: chunked\r\n", Framing::Kind::chunked, 0},
    {"TRANSFER-ENCODING:CHUNKED\r\n", Framing::Kind::chunked, 0},
    {"Transfer-Encoding: \tcHuNkEd\t \r\n", Framing::Kind::chunked, 0},
    {"X: \x80\xff\r\nTransfer-Encoding: chunked\r\n", Framing::Kind::chunked, 0},
    {"Content_Length: 9\r\nContent-Length: 5\r\n", Framing::Kind::length, 5},
    {"Connection: content-length, transfer-encoding\r\nContent-Length: 5\r\n",
     Framing::Kind::length, 5},
};

}  // namespace

TEST(FramingSymmetry, WhatNoClientMaySayNoOriginMayEither) {
    for (std::string_view const row : kRefused) {
        std::string const fields{row};
        EXPECT_TRUE(request_is_refused(fields)) << fields;
        for (std::string_view const start :
             {"HTTP/1.1 200 OK", "HTTP/1.1 304 Not Modified", "HTTP/1.1 204 No Content",
              "HTTP/1.1 103 Early Hints", "HTTP/1.1 500 Oops"}) {
            EXPECT_TRUE(response_is_refused(fields, start, false)) << start << ' ' << fields;
            EXPECT_TRUE(response_is_refused(fields, start, true)) << start << " to HEAD " << fields;
        }
    }
}

TEST(FramingSymmetry, WhatFramesARequestFramesAResponse) {
    for (Framed const& row : kAccepted) {
        test::Request const request{"POST / HTTP/1.1\r\nHost: h\r\n" + std::string{row.fields} +
                                    "\r\n"};
        test::Response const response{"HTTP/1.1 200 OK\r\n" + std::string{row.fields} + "\r\n"};
        auto const up = request_framing(request.head);
        auto const down = response_framing(response.head, false);
        ASSERT_TRUE(up && down) << row.fields;
        EXPECT_EQ(up->kind, row.kind) << row.fields;
        EXPECT_EQ(up->length, row.length) << row.fields;
        EXPECT_EQ(down->kind, row.kind) << row.fields;
        EXPECT_EQ(down->length, row.length) << row.fields;
    }
}

TEST(FramingSymmetry, NoTransferCodingInHttp10) {
    for (std::string_view const coding : {"chunked", "gzip", "identity", ""}) {
        std::string const fields = "Transfer-Encoding: " + std::string{coding} + "\r\n";
        RequestHead request;
        std::string const text = "POST / HTTP/1.0\r\n" + fields + "\r\n";
        EXPECT_TRUE(!test::read(text, request) || !request_framing(request)) << coding;
        EXPECT_TRUE(response_is_refused(fields, "HTTP/1.0 200 OK", false)) << coding;
    }
}
