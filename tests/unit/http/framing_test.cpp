#include "reverse_proxy/http/framing.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <ostream>
#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;
using Kind = Framing::Kind;

namespace {

/// What a message leads to: a way to find its end, or a failure (of head or framing).
struct Outcome {
    std::optional<Kind> kind;
    std::uint64_t length{0};
    FailureKind failure{FailureKind::internal_error};
    bool operator==(Outcome const&) const = default;
    friend std::ostream& operator<<(std::ostream& out, Outcome const& outcome) {
        if (!outcome.kind) return out << "failure " << static_cast<unsigned>(outcome.failure);
        return out << "kind " << static_cast<unsigned>(*outcome.kind) << ' ' << outcome.length;
    }
};

constexpr Outcome kNone{Kind::none};
constexpr Outcome kChunked{Kind::chunked};
constexpr Outcome kUntilClose{Kind::until_close};
constexpr Outcome kMalformed{std::nullopt, 0, FailureKind::request_malformed};
constexpr Outcome kUnknownCoding{std::nullopt, 0, FailureKind::transfer_coding_unknown};
constexpr Outcome kBadResponse{std::nullopt, 0, FailureKind::response_malformed};
constexpr Outcome length(std::uint64_t bytes) {
    return {Kind::length, bytes};
}

template <typename Framed> Outcome outcome(Framed const& framing) {
    if (!framing) return {std::nullopt, 0, framing.error().kind};
    return {framing->kind, framing->length};
}

Outcome request(std::string_view start, std::string_view fields) {
    std::string const text = std::string{start} + "\r\n" + std::string{fields} + "\r\n";
    RequestHead head;
    auto const read = test::read(text, head);
    if (!read) return {std::nullopt, 0, read.error().kind};
    return outcome(request_framing(head));
}
Outcome post(std::string_view fields) {
    return request("POST / HTTP/1.1", fields);
}

Outcome response(std::string_view start, std::string_view fields, bool to_head = false) {
    std::string const text = std::string{start} + "\r\n" + std::string{fields} + "\r\n";
    ResponseHead head;
    auto const read = test::read(text, head);
    if (!read) return {std::nullopt, 0, read.error().kind};
    return outcome(response_framing(head, to_head));
}

}  // namespace

TEST(RequestFraming, ContentLength) {
    struct Row {
        std::string_view fields;
        Outcome expected;
    };
    Row const rows[] = {
        {"", kNone},
        {"Content-Length: 0\r\n", length(0)},
        {"Content-Length: 5\r\n", length(5)},
        {"content-length:\t5 \r\n", length(5)},
        {"Content-Length: 9223372036854775807\r\n", length(9'223'372'036'854'775'807U)},
        {"Content-Length: 9223372036854775808\r\n", kMalformed},
        {"Content-Length: 18446744073709551615\r\n", kMalformed},
        {"Content-Length: 18446744073709551616\r\n", kMalformed},
        {"Content-Length: 18446744073709551621\r\n", kMalformed},  // 5 modulo 2^64
        {"Content-Length: 5, 5\r\n", kMalformed},
        {"Content-Length: 5,5\r\n", kMalformed},
        {"Content-Length: 5,\r\n", kMalformed},
        {"Content-Length: ,5\r\n", kMalformed},
        {"Content-Length: 5 5\r\n", kMalformed},
        {"Content-Length: 5\r\nContent-Length: 5\r\n", kMalformed},
        {"Content-Length: 5\r\nContent-Length: 6\r\n", kMalformed},
        {"Content-Length:\r\n", kMalformed},
        {"Content-Length: +5\r\n", kMalformed},
        {"Content-Length: -5\r\n", kMalformed},
        {"Content-Length: -0\r\n", kMalformed},
        {"Content-Length: 0x5\r\n", kMalformed},
        {"Content-Length: 5a\r\n", kMalformed},
        {"Content-Length: a\r\n", kMalformed},
        {"Content-Length: 1_0\r\n", kMalformed},
        {"Content-Length: 5.0\r\n", kMalformed},
        {"Content-Length: 5;x\r\n", kMalformed},
        {"Content-Length: \"5\"\r\n", kMalformed},
        {"Content-Length: 05\r\n", kMalformed},
        {"Content-Length: 00\r\n", kMalformed},
        {"Content-Length: \xb2\r\n", kMalformed},
    };
    for (Row const& row : rows)
        EXPECT_EQ(post(row.fields), row.expected) << row.fields;
}

TEST(RequestFraming, TransferEncoding) {
    struct Row {
        std::string_view fields;
        Outcome expected;
    };
    Row const rows[] = {
        {"Transfer-Encoding: chunked\r\n", kChunked},
        {"transfer-encoding:CHUNKED\r\n", kChunked},
        {"Transfer-Encoding: \t chunked \t\r\n", kChunked},
        {"Transfer-Encoding: gzip\r\n", kUnknownCoding},
        {"Transfer-Encoding: identity\r\n", kUnknownCoding},
        {"Transfer-Encoding: xchunked\r\n", kUnknownCoding},
        {"Transfer-Encoding: gzip, chunked\r\n", kUnknownCoding},
        {"Transfer-Encoding: gzip;level=9, chunked\r\n", kUnknownCoding},
        {"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", kUnknownCoding},
        {"Transfer-Encoding: chunked, gzip\r\n", kMalformed},
        {"Transfer-Encoding: chunked, chunked\r\n", kMalformed},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", kMalformed},
        {"Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip\r\n", kMalformed},
        {"Transfer-Encoding: chunked,\r\n", kMalformed},
        {"Transfer-Encoding: , chunked\r\n", kMalformed},
        {"Transfer-Encoding:\r\n", kMalformed},
        {"Transfer-Encoding: ,\r\n", kMalformed},
        {"Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", kMalformed},
        {"Transfer-Encoding: chunked;q=1\r\n", kMalformed},
        {"Transfer-Encoding: \"chunked\"\r\n", kMalformed},
        {"Transfer-Encoding: chunked x\r\n", kMalformed},
        {"Transfer-Encoding: \x0b"
         "chunked\r\n",
         kMalformed},
        {"Transfer-Encoding: chunked\xa0\r\n", kMalformed},
    };
    for (Row const& row : rows)
        EXPECT_EQ(post(row.fields), row.expected) << row.fields;
}

TEST(RequestFraming, BothInEveryOrderAreRefused) {
    for (std::string_view const coding : {"chunked", "gzip", "chunked, gzip", "xchunked", ""}) {
        std::string const te = "Transfer-Encoding: " + std::string{coding} + "\r\n";
        std::string const cl = "Content-Length: 5\r\n";
        EXPECT_EQ(post(te + cl), kMalformed) << coding;
        EXPECT_EQ(post(cl + te), kMalformed) << coding;
        EXPECT_EQ(post(te + "A: b\r\n" + cl), kMalformed) << coding;
    }
}

TEST(RequestFraming, Http10HasNoTransferEncoding) {
    EXPECT_EQ(request("POST / HTTP/1.0", "Transfer-Encoding: chunked\r\n"), kMalformed);
    EXPECT_EQ(request("POST / HTTP/1.0", "Transfer-Encoding: gzip\r\n"), kMalformed);
    EXPECT_EQ(request("POST / HTTP/1.0", "Content-Length: 5\r\n"), length(5));
    EXPECT_EQ(request("POST / HTTP/1.0", ""), kNone);
}

TEST(RequestFraming, ContentWhereSomeReadersExpectNone) {
    EXPECT_EQ(request("GET / HTTP/1.1", "Content-Length: 5\r\n"), length(5));
    EXPECT_EQ(request("HEAD / HTTP/1.1", "Transfer-Encoding: chunked\r\n"), kChunked);
    EXPECT_EQ(request("OPTIONS / HTTP/1.1", "Content-Length: 5\r\n"), length(5));
    EXPECT_EQ(request("TRACE / HTTP/1.1", "Content-Length: 5\r\n"), kMalformed);
    EXPECT_EQ(request("TRACE / HTTP/1.1", "Transfer-Encoding: chunked\r\n"), kMalformed);
    EXPECT_EQ(request("TRACE / HTTP/1.1", "Content-Length: 0\r\n"), length(0));
    for (std::string_view const start :
         {"GET / HTTP/1.0", "HEAD / HTTP/1.0", "DELETE / HTTP/1.0"}) {
        EXPECT_EQ(request(start, "Content-Length: 5\r\n"), kMalformed) << start;
        EXPECT_EQ(request(start, "Content-Length: 0\r\n"), length(0)) << start;
    }
}

TEST(RequestFraming, ImitatingNamesDoNotFrame) {
    EXPECT_EQ(post("Content_Length: 5\r\n"), kNone);
    EXPECT_EQ(post("Transfer_Encoding: chunked\r\n"), kNone);
}

TEST(ResponseFraming, Table) {
    struct Row {
        std::string_view start;
        std::string_view fields;
        Outcome expected;
    };
    Row const rows[] = {
        {"HTTP/1.1 200 OK", "Content-Length: 5\r\n", length(5)},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", kChunked},
        {"HTTP/1.1 200 OK", "", kUntilClose},
        {"HTTP/1.0 200 OK", "", kUntilClose},
        {"HTTP/1.0 200 OK", "Content-Length: 5\r\n", length(5)},
        {"HTTP/1.1 205 Reset Content", "Content-Length: 0\r\n", length(0)},
        {"HTTP/1.1 500 Oops", "Transfer-Encoding: chunked\r\n", kChunked},
        {"HTTP/1.1 204 No Content", "", kNone},
        {"HTTP/1.1 204 No Content", "Content-Length: 5\r\n", kNone},
        {"HTTP/1.1 304 Not Modified", "Content-Length: 5\r\n", kNone},
        {"HTTP/1.1 304 Not Modified", "Transfer-Encoding: chunked\r\n", kNone},
        {"HTTP/1.1 100 Continue", "", kNone},
        {"HTTP/1.1 103 Early Hints", "Content-Length: 5\r\n", kNone},
        {"HTTP/1.1 101 Switching Protocols", "Upgrade: websocket\r\n", kNone},
        {"HTTP/1.1 204 No Content", "Transfer-Encoding: chunked\r\n", kBadResponse},
        {"HTTP/1.1 100 Continue", "Transfer-Encoding: chunked\r\n", kBadResponse},
        {"HTTP/1.1 204 No Content", "Content-Length: x\r\n", kBadResponse},
        {"HTTP/1.0 200 OK", "Transfer-Encoding: chunked\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: gzip, chunked\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked, gzip\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Transfer-Encoding:\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Transfer-Encoding: gzip\r\nContent-Length: 5\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Content-Length: 5\r\nContent-Length: 5\r\n", kBadResponse},
        {"HTTP/1.1 200 OK", "Content-Length: 5, 5\r\n", kBadResponse},
        {"HTTP/1.1 304 Not Modified", "Content-Length: 5, 5\r\n", kBadResponse},
    };
    for (Row const& row : rows)
        EXPECT_EQ(response(row.start, row.fields), row.expected) << row.start << ' ' << row.fields;
}

TEST(ResponseFraming, AfterHeadThereIsNoContent) {
    EXPECT_EQ(response("HTTP/1.1 200 OK", "Content-Length: 5\r\n", true), kNone);
    EXPECT_EQ(response("HTTP/1.1 200 OK", "Transfer-Encoding: chunked\r\n", true), kNone);
    EXPECT_EQ(response("HTTP/1.1 200 OK", "", true), kNone);
    EXPECT_EQ(response("HTTP/1.1 200 OK", "Content-Length: 5, 5\r\n", true), kBadResponse);
}

TEST(ResponseFraming, ContentAnnouncedWhereNoneMayBeSpoilsTheConnection) {
    auto const reusable = [](std::string const& text, bool to_head) {
        test::Response const response{text};
        return response_framing(response.head, to_head)->connection_reusable;
    };
    EXPECT_FALSE(reusable("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false));
    EXPECT_FALSE(reusable("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", true));
    EXPECT_FALSE(reusable("HTTP/1.1 103 Early Hints\r\nContent-Length: 5\r\n\r\n", false));
    EXPECT_TRUE(reusable("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", false));
    EXPECT_TRUE(reusable("HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", false));
    EXPECT_TRUE(reusable("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true));
}

TEST(CheckHost, Table) {
    struct Row {
        std::string_view text;
        bool good;
    };
    constexpr Row kRows[] = {
        {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", true},
        {"GET / HTTP/1.1\r\nHost: example.com:8080\r\n\r\n", true},
        {"GET / HTTP/1.0\r\n\r\n", true},
        {"GET / HTTP/1.0\r\nHost: h\r\n\r\n", true},
        {"GET / HTTP/1.1\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: h\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: h\r\nHost: h\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost:\r\n\r\n", false},
        {"GET / HTTP/1.0\r\nHost: \r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: user@h\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h/path\r\n\r\n", false},
        {"GET / HTTP/1.1\r\nHost: h, i\r\n\r\n", false},
    };
    for (Row const& row : kRows) {
        test::Request const request{std::string{row.text}};
        EXPECT_EQ(check_host(request.head).has_value(), row.good) << row.text;
    }
}

TEST(CheckHost, AgreesWithAnAbsoluteTarget) {
    struct Row {
        std::string_view target;
        std::string_view host;
        bool good;
    };
    constexpr Row kRows[] = {
        {"http://example.com/", "EXAMPLE.com", true},
        {"http://example.com/", "example.com:80", true},
        {"https://example.com:443/", "example.com", true},
        {"http://example.com:8080/", "example.com:8080", true},
        {"http://[::1]:80/", "[::1]", true},
        {"http://example.com/", "example.com:443", false},
        {"https://example.com/", "example.com:80", false},
        {"http://example.com/", "example.org", false},
        {"http://example.com:8080/", "example.com", false},
        {"/", "anything", true},
    };
    for (Row const& row : kRows) {
        test::Request const request{"GET " + std::string{row.target} +
                                    " HTTP/1.1\r\nHost: " + std::string{row.host} + "\r\n\r\n"};
        auto const target = parse_target(request.head.method, request.head.target);
        ASSERT_TRUE(target.has_value()) << row.target;
        EXPECT_EQ(check_host(request.head, *target).has_value(), row.good)
            << row.target << ' ' << row.host;
    }
    test::Request const old{"GET http://example.com/ HTTP/1.0\r\n\r\n"};
    EXPECT_TRUE(check_host(old.head, *parse_target("GET", old.head.target)).has_value());
}

TEST(WantsKeepAlive, Table) {
    struct Row {
        std::string_view version;
        std::string_view fields;
        bool expected;
    };
    constexpr Row kRows[] = {
        {"1.1", "", true},
        {"1.0", "", false},
        {"1.1", "Connection: close\r\n", false},
        {"1.1", "Connection: Close\r\n", false},
        {"1.0", "Connection: keep-alive\r\n", true},
        {"1.0", "Connection: Keep-Alive, x\r\n", true},
        {"1.0", "Connection: x\r\nConnection: keep-alive\r\n", true},
        {"1.1", "Connection: x, close\r\n", false},
        {"1.1", "Connection: upgrade\r\nConnection: close\r\n", false},
        {"1.1", "Connection: keep-alive, close\r\n", false},
        {"1.0", "Connection: close, keep-alive\r\n", false},
        {"1.1", "Connection: closed\r\n", true},
        {"1.1", "Connection: ,,\r\n", true},
        {"1.0", "Proxy-Connection: keep-alive\r\n", false},
    };
    for (Row const& row : kRows) {
        test::Request const request{"GET / HTTP/" + std::string{row.version} + "\r\nHost: h\r\n" +
                                    std::string{row.fields} + "\r\n"};
        EXPECT_EQ(wants_keep_alive(request.head.fields, request.head.minor_version), row.expected)
            << row.version << ' ' << row.fields;
    }
}
