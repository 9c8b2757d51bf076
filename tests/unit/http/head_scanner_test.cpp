#include "reverse_proxy/http/head.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;
using Part = HeadScanner::Part;
using Status = HeadScanner::Status;

namespace {

constexpr HeadLimits kWide{65'536, 128};

/// What a scanner says of `bytes` when they come in pieces that end at each of `cuts`.
struct Verdict {
    Status status;
    std::size_t size;
    FailureKind kind;
    bool operator==(Verdict const&) const = default;
};

Verdict scan_with_cuts(std::string_view bytes, std::initializer_list<std::size_t> cuts, Part part,
                       HeadLimits const& limits) {
    HeadScanner scanner{part};
    Status status = Status::incomplete;
    for (std::size_t const cut : cuts) {
        status = scanner.scan(bytes.substr(0, cut), limits);
        if (status != Status::incomplete) break;
    }
    if (status == Status::incomplete) status = scanner.scan(bytes, limits);
    return {status, status == Status::complete ? scanner.size() : 0,
            status == Status::failed ? scanner.failure().kind : FailureKind::internal_error};
}

/// The verdict, which no cut may change.
Verdict scan(std::string_view bytes, Part part = Part::request_head,
             HeadLimits const& limits = kWide) {
    Verdict const whole = scan_with_cuts(bytes, {}, part, limits);
    for (std::size_t cut = 0; cut <= bytes.size(); ++cut)
        EXPECT_EQ(scan_with_cuts(bytes, {cut}, part, limits), whole) << bytes << " cut at " << cut;

    HeadScanner one_by_one{part};
    Status status = Status::incomplete;
    for (std::size_t end = 0; end <= bytes.size() && status == Status::incomplete; ++end)
        status = one_by_one.scan(bytes.substr(0, end), limits);
    EXPECT_EQ(status, whole.status) << bytes;
    return whole;
}

Verdict complete(std::size_t size) {
    return {Status::complete, size, FailureKind::internal_error};
}
Verdict failed(FailureKind kind) {
    return {Status::failed, 0, kind};
}
constexpr Verdict kIncomplete{Status::incomplete, 0, FailureKind::internal_error};

}  // namespace

TEST(HeadScanner, FindsTheEndInEveryCut) {
    std::string const head = "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n";
    EXPECT_EQ(scan(head), complete(head.size()));
    EXPECT_EQ(scan("GET / HTTP/1.1\r\n\r\n"), complete(18));
    EXPECT_EQ(scan("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", Part::response_head), complete(25));
    EXPECT_EQ(scan("A: b\r\nC: d\r\n\r\n", Part::trailers), complete(14));
    EXPECT_EQ(scan("\r\n", Part::trailers), complete(2));
}

TEST(HeadScanner, StopsAtTheFirstHead) {
    std::string const head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    EXPECT_EQ(scan(head + "GET /2 HTTP/1.1\r\n\r\n"), complete(head.size()));
    EXPECT_EQ(scan(head + "\n\r\rcontent"), complete(head.size()));
}

TEST(HeadScanner, WaitsForMore) {
    for (std::string_view const bytes :
         {"", "G", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nA: b\r\n\r", "\r\n", "\r"})
        EXPECT_EQ(scan(bytes), kIncomplete) << bytes;
}

TEST(HeadScanner, SkipsSomeEmptyLinesBeforeARequestOnly) {
    EXPECT_EQ(scan("\r\nGET / HTTP/1.1\r\n\r\n"), complete(20));
    EXPECT_EQ(scan("\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"), complete(26));
    EXPECT_EQ(scan("\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n"),
              failed(FailureKind::request_malformed));
    // The parser refuses a response head of nothing.
    EXPECT_EQ(scan("\r\nHTTP/1.1 200 OK\r\n\r\n", Part::response_head), complete(2));
}

TEST(HeadScanner, RefusesBareCrAndLfAtOnce) {
    for (std::string_view const bytes :
         {"\n", "GET / HTTP/1.1\n", "GET / HTTP/1.1\r\nA: b\n", "GET / HTTP/1.1\r\n\n", "\rG",
          "GET / HTTP/1.1\r\nA: b\rc", "GET / HTTP/1.1\r\nA: b\r\r", "GET / HTTP/1.1\r\r\n", "\r\r",
          "GET / HTTP/1.1\r\nA: b\r\n\rX", "GET / HT\rTP/1.1\r\nA: b\r\n\r\n",
          "GET / HTTP/1.1\r\nA: b\r\n\n"}) {
        EXPECT_EQ(scan(bytes), failed(FailureKind::request_malformed)) << bytes;
        EXPECT_EQ(scan(bytes, Part::response_head), failed(FailureKind::response_malformed));
    }
}

TEST(HeadScanner, BoundsBytes) {
    std::string const line = "GET /" + std::string(83, 'a') + " HTTP/1.1\r\n";  // 99 bytes
    ASSERT_EQ(line.size(), 99U);
    EXPECT_EQ(scan(line + "A: b\r\n\r\n", Part::request_head, {107, 9}), complete(107));
    EXPECT_EQ(scan(line + "A: b\r\n\r\n", Part::request_head, {106, 9}),
              failed(FailureKind::head_too_large));
    EXPECT_EQ(scan(line + "A: b", Part::request_head, {100, 9}),
              failed(FailureKind::head_too_large));
    EXPECT_EQ(scan(line, Part::request_head, {98, 9}), failed(FailureKind::target_too_long));
    EXPECT_EQ(scan(line + "\r\n", Part::request_head, {98, 9}),
              failed(FailureKind::target_too_long));
    EXPECT_EQ(scan(line.substr(0, 50), Part::request_head, {50, 9}),
              failed(FailureKind::target_too_long));
    EXPECT_EQ(scan(line.substr(0, 50), Part::response_head, {50, 9}),
              failed(FailureKind::response_head_too_large));
    EXPECT_EQ(scan(std::string(50, 'a'), Part::trailers, {50, 9}),
              failed(FailureKind::head_too_large));
}

TEST(HeadScanner, BoundsFields) {
    std::string const start = "GET / HTTP/1.1\r\n";
    EXPECT_EQ(scan(start + "A: b\r\nA: b\r\n\r\n", Part::request_head, {999, 2}).status,
              Status::complete);
    EXPECT_EQ(scan(start + "A: b\r\nA: b\r\nA: b\r\n", Part::request_head, {999, 2}),
              failed(FailureKind::head_too_large));
    EXPECT_EQ(scan("A: b\r\nA: b\r\nA: b\r\n", Part::trailers, {999, 2}),
              failed(FailureKind::head_too_large));
    EXPECT_EQ(scan("A: b\r\nA: b\r\n\r\n", Part::trailers, {999, 2}).status, Status::complete);
}

TEST(HeadScanner, BegunByTheFirstByteThatIsNoLineEnd) {
    HeadScanner scanner;
    std::string bytes;
    for (char const c : std::string_view{"\r\n\r"}) {
        bytes += c;
        ASSERT_EQ(scanner.scan(bytes, kWide), Status::incomplete);
        EXPECT_FALSE(scanner.begun());
    }
    ASSERT_EQ(scanner.scan(bytes + "\nG", kWide), Status::incomplete);
    EXPECT_TRUE(scanner.begun());
}

TEST(HeadScanner, ResetStartsAnew) {
    HeadScanner scanner{Part::response_head};
    EXPECT_EQ(scanner.scan("\n", kWide), Status::failed);
    scanner.reset();
    EXPECT_FALSE(scanner.begun());
    EXPECT_EQ(scanner.scan("HTTP/1.1 200 OK\r\n\r\n", kWide), Status::complete);
    EXPECT_EQ(scanner.size(), 19U);
}
