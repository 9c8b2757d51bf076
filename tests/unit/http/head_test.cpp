#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;
using test::kLimits;
using test::read;

namespace {

std::string repeated(std::string_view piece, unsigned times) {
    std::string text;
    for (unsigned i = 0; i < times; ++i)
        text += piece;
    return text;
}

}  // namespace

TEST(RequestHead, StartLineAndFieldsAreSlicesOfTheBuffer) {
    test::Request const request{"POST /a?b=c HTTP/1.1\r\n"
                                "Host: example.com\r\n"
                                "X-Empty:\r\n"
                                "X-Blank: \r\n"
                                "X-Padded:\t two words \t\r\n"
                                "X-Tight:v\r\n"
                                "content-length: 3\r\n\r\n"};
    RequestHead const& head = request.head;
    EXPECT_EQ(head.method, "POST");
    EXPECT_EQ(head.target, "/a?b=c");
    EXPECT_EQ(head.minor_version, 1U);

    struct Row {
        std::string_view name, value, line;
        FieldId id;
        bool canonical;
    };
    constexpr Row kRows[] = {
        {"Host", "example.com", "Host: example.com\r\n", FieldId::host, true},
        {"X-Empty", "", "X-Empty:\r\n", FieldId::other, false},
        {"X-Blank", "", "X-Blank: \r\n", FieldId::other, true},
        {"X-Padded", "two words", "X-Padded:\t two words \t\r\n", FieldId::other, false},
        {"X-Tight", "v", "X-Tight:v\r\n", FieldId::other, false},
        {"content-length", "3", "content-length: 3\r\n", FieldId::content_length, true},
    };
    ASSERT_EQ(head.fields.parsed().size(), std::size(kRows));
    for (std::size_t i = 0; i < std::size(kRows); ++i) {
        Field const& field = head.fields.parsed()[i];
        EXPECT_EQ(field.name, kRows[i].name);
        EXPECT_EQ(field.value, kRows[i].value);
        EXPECT_EQ(field.line, kRows[i].line);
        EXPECT_EQ(field.id, kRows[i].id) << field.name;
        EXPECT_EQ(field.canonical, kRows[i].canonical) << field.name;
        EXPECT_FALSE(field.dropped);
        EXPECT_GE(field.line.data(), request.text.data());
        EXPECT_LE(field.line.data() + field.line.size(), request.text.data() + request.text.size());
    }
}

TEST(RequestHead, Accepted) {
    for (std::string_view const text :
         {"GET / HTTP/1.1\r\nHost: h\r\n\r\n", "GET / HTTP/1.0\r\n\r\n",
          "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "get / HTTP/1.1\r\nHost: h\r\n\r\n",
          "M-SEARCH * HTTP/1.1\r\nHost: h\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: h\r\nX: \x80\xff obs-text\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: h\r\n!#$%&'*+-.^_`|~aZ09: v\r\n\r\n",
          "GET / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip\r\n\r\n"}) {
        RequestHead head;
        EXPECT_TRUE(read(text, head).has_value()) << text;
    }
}

TEST(RequestHead, Malformed) {
    using namespace std::string_view_literals;
    for (std::string_view const text :
         {// start lines
          "GET /\r\n\r\n"sv, "GET\r\n\r\n"sv, " GET / HTTP/1.1\r\n\r\n"sv,
          "GET  / HTTP/1.1\r\n\r\n"sv, "GET /  HTTP/1.1\r\n\r\n"sv, "GET / HTTP/1.1 \r\n\r\n"sv,
          "GET\t/ HTTP/1.1\r\n\r\n"sv, "GET /\ta HTTP/1.1\r\n\r\n"sv, "GET /a b HTTP/1.1\r\n\r\n"sv,
          "G(T / HTTP/1.1\r\n\r\n"sv, "G\x80T / HTTP/1.1\r\n\r\n"sv, "GET /\tHTTP/1.1\r\n\r\n"sv,
          "/ HTTP/1.1\r\n\r\n"sv, "GET / HTTP/0.9\r\n\r\n"sv, "GET / HTTP/1.2\r\n\r\n"sv,
          "GET / HTTP/2.0\r\n\r\n"sv, "PRI * HTTP/2.0\r\n\r\n"sv, "GET / http/1.1\r\n\r\n"sv,
          "GET / HTTP/1.1x\r\n\r\n"sv, "GET / HTTP/11\r\n\r\n"sv, "GET / HTTP/1.10\r\n\r\n"sv,
          "GET / HTTP/01.1\r\n\r\n"sv, "GET / HTTP/+1.1\r\n\r\n"sv, "GET /\0 HTTP/1.1\r\n\r\n"sv,
          // names
          "GET / HTTP/1.1\r\n: v\r\n\r\n"sv, "GET / HTTP/1.1\r\nA : v\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA\t: v\r\n\r\n"sv, "GET / HTTP/1.1\r\n A: v\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA B: v\r\n\r\n"sv, "GET / HTTP/1.1\r\nA\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA\0: v\r\n\r\n"sv, "GET / HTTP/1.1\r\nA\x80: v\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA\x7f: v\r\n\r\n"sv, "GET / HTTP/1.1\r\n(A): v\r\n\r\n"sv,
          "GET / HTTP/1.1\r\n\"A\": v\r\n\r\n"sv,
          // values
          "GET / HTTP/1.1\r\nA: v\0\r\n\r\n"sv, "GET / HTTP/1.1\r\nA: \x01\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA: v\x7fw\r\n\r\n"sv, "GET / HTTP/1.1\r\nA: v\x0bw\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA: v\rw\r\n\r\n"sv, "GET / HTTP/1.1\r\nA: v\nw\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA: v\r\r\n\r\n"sv, "GET / HTTP/1.1\nA: v\r\n\r\n"sv,
          // obs-fold: with text, before any text, of blanks alone, after the last field
          "GET / HTTP/1.1\r\nA: v\r\n w\r\nB: x\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA: v\r\n\tw\r\nB: x\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA:\r\n w\r\nB: x\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA: \r\n \r\nB: x\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nA: v\r\n \r\nB: x\r\n\r\n"sv, "GET / HTTP/1.1\r\nA: v\r\n \r\n\r\n"sv,
          "GET / HTTP/1.1\r\n A: v\r\n\r\n"sv,
          // connection options
          "GET / HTTP/1.1\r\nConnection: a b\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nConnection: a;b\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nConnection: close, \"a\"\r\n\r\n"sv,
          "GET / HTTP/1.1\r\nProxy-Connection: (\r\n\r\n"sv}) {
        RequestHead head;
        auto const result = read(text, head);
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_EQ(result.error().kind, FailureKind::request_malformed) << text;
        EXPECT_FALSE(result.error().reason.empty());
    }
}

TEST(RequestHead, BoundsFields) {
    std::string const three = "GET / HTTP/1.1\r\n" + repeated("A: b\r\n", 3) + "\r\n";
    RequestHead head;
    EXPECT_TRUE(parse_request_head(three, {999, 3}, head).has_value());
    EXPECT_EQ(parse_request_head(three, {999, 2}, head).error().kind, FailureKind::head_too_large);
}

TEST(RequestHead, BoundsConnectionOptions) {
    std::string const three = "GET / HTTP/1.1\r\nConnection: a, b\r\nConnection: c\r\n\r\n";
    RequestHead head;
    EXPECT_TRUE(parse_request_head(three, {999, 3}, head).has_value());
    EXPECT_EQ(parse_request_head(three, {999, 2}, head).error().kind, FailureKind::head_too_large);
    std::string const empty = "GET / HTTP/1.1\r\nConnection: close,, ,\r\n\r\n";
    EXPECT_TRUE(parse_request_head(empty, {999, 4}, head).has_value());
    EXPECT_EQ(parse_request_head(empty, {999, 3}, head).error().kind, FailureKind::head_too_large);
}

TEST(RequestHead, LongHeads) {
    std::string const text = "GET /" + std::string(20'000, 'a') +
                             " HTTP/1.1\r\nHost: h\r\nA: " + std::string(20'000, 'b') + "\r\n\r\n";
    RequestHead head;
    ASSERT_TRUE(read(text, head).has_value());
    EXPECT_EQ(head.target.size(), 20'001U);
    EXPECT_EQ(head.fields.parsed()[1].value.size(), 20'000U);
}

TEST(RequestHead, IncompleteUntilItsLastByte) {
    std::string const text = "\r\nGET /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n";
    RequestHead head;
    for (std::size_t size = 0; size < text.size(); ++size) {
        auto const result = parse_request_head(text.substr(0, size), kLimits, head);
        ASSERT_TRUE(result.has_value()) << size;
        EXPECT_EQ(*result, 0U) << size;
    }
    EXPECT_EQ(*parse_request_head(text + "more", kLimits, head), text.size());
}

TEST(RequestHead, BoundsBytes) {
    std::string const text = "GET /abc HTTP/1.1\r\nHost: h\r\n\r\n";
    RequestHead head;
    EXPECT_EQ(*parse_request_head(text + "more", {text.size(), 9}, head), text.size());
    EXPECT_EQ(parse_request_head(text, {text.size() - 1, 9}, head).error().kind,
              FailureKind::head_too_large);
    EXPECT_EQ(parse_request_head(text, {20, 9}, head).error().kind, FailureKind::head_too_large);
    EXPECT_EQ(parse_request_head(text, {18, 9}, head).error().kind, FailureKind::target_too_long);
}

TEST(RequestHead, InPiecesAsAtOnce) {
    for (std::string_view const text :
         {"GET /a HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n", "\r\nPUT * HTTP/1.0\r\n\r\n",
          "GET / HTTP/1.1\r\nHost : h\r\n\r\n", "GET / HTTP/1.1\nHost: h\r\n\r\n"}) {
        RequestHead whole;
        auto const expected = parse_request_head(text, kLimits, whole);
        RequestHead head;
        HeadScanner scanner;
        reverse_proxy::core::Result<std::size_t> result{0U};
        for (std::size_t size = 1; size <= text.size() && result && *result == 0; ++size)
            result = read_head(text.substr(0, size), kLimits, scanner, head);
        ASSERT_EQ(result.has_value(), expected.has_value()) << text;
        if (!expected) continue;
        EXPECT_EQ(*result, *expected);
        EXPECT_EQ(head.method, whole.method);
        EXPECT_EQ(head.target, whole.target);
        EXPECT_EQ(head.fields.parsed().size(), whole.fields.parsed().size());
    }
}

TEST(RequestHead, ControlBytesAreFoundWhereverTheyStand) {
    // The search looks at 16 bytes at a time: every place in a block, and before and after one.
    for (std::size_t size = 1; size < 50; ++size) {
        for (std::size_t place = 0; place < size; ++place) {
            for (unsigned byte = 0; byte < 256; ++byte) {
                if (place != size / 2 && byte != 0 && byte != 0x1F && byte != 0x7F) continue;
                std::string value(size, 'v');
                value[place] = static_cast<char>(byte);
                bool const allowed = byte == '\t' || (byte >= 0x20 && byte != 0x7F);
                RequestHead head;
                auto const result = read("GET / HTTP/1.1\r\nA: " + value + "\r\n\r\n", head);
                ASSERT_EQ(result.has_value(), allowed) << size << ' ' << place << ' ' << byte;
            }
        }
    }
}

TEST(RequestHead, NamesAreTokensWhereverTheyEnd) {
    constexpr std::string_view kSigns = "!#$%&'*+-.^_`|~";  // RFC 9110, 5.6.2
    for (std::size_t size = 1; size < 40; ++size) {
        for (std::size_t place = 0; place < size; ++place) {
            for (unsigned byte = 0; byte < 256; ++byte) {
                std::string name(size, 'n');
                name[place] = static_cast<char>(byte);
                bool const ends = byte == ':' && place > 0;
                bool const token = byte < 128 && (std::isalnum(static_cast<int>(byte)) != 0 ||
                                                  kSigns.find(name[place]) != kSigns.npos);
                RequestHead head;
                std::string const text = "GET / HTTP/1.1\r\n" + name + ": v\r\n\r\n";
                auto const result = read(text, head);
                ASSERT_EQ(result.has_value(), token || ends) << size << ' ' << place << ' ' << byte;
                if (!result) continue;
                ASSERT_EQ(head.fields.parsed().front().name, ends ? name.substr(0, place) : name);
            }
        }
    }
}

TEST(RequestHead, ContentIsNotLookedAt) {
    RequestHead head;
    std::string const text = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000000000\r\n\r\n";
    ASSERT_TRUE(read(text, head).has_value());
    EXPECT_EQ(request_framing(head)->length, 9'000'000'000U);
}

TEST(ResponseHead, StartLine) {
    struct Row {
        std::string_view line;
        unsigned status;
        std::string_view reason;
        unsigned minor_version;
    };
    constexpr Row kRows[] = {
        {"HTTP/1.1 200 OK", 200, "OK", 1},
        {"HTTP/1.0 404 Not Found", 404, "Not Found", 0},
        {"HTTP/1.1 299 ", 299, "", 1},
        {"HTTP/1.1 204", 204, "", 1},
        {"HTTP/1.1 599 \x80 ok", 599, "\x80 ok", 1},
        {"HTTP/1.1 100 Continue", 100, "Continue", 1},
    };
    for (Row const& row : kRows) {
        test::Response const response{std::string{row.line} + "\r\nA: b\r\n\r\n"};
        EXPECT_EQ(response.head.status, row.status);
        EXPECT_EQ(response.head.reason_phrase, row.reason);
        EXPECT_EQ(response.head.minor_version, row.minor_version);
        ASSERT_EQ(response.head.fields.parsed().size(), 1U) << row.line;
        EXPECT_EQ(response.head.fields.parsed()[0].line, "A: b\r\n");
        EXPECT_TRUE(response.head.fields.parsed()[0].canonical);
    }
}

TEST(ResponseHead, Malformed) {
    using namespace std::string_view_literals;
    for (std::string_view const text : {"HTTP/1.1 099 OK\r\n\r\n"sv,
                                        "HTTP/1.1 099 OK\r\n\r\n"sv,
                                        "HTTP/1.1 099\r\n\r\n"sv,
                                        "HTTP/1.1 2000 OK\r\n\r\n"sv,
                                        "HTTP/1.1 20 OK\r\n\r\n"sv,
                                        "HTTP/1.1 2x0 OK\r\n\r\n"sv,
                                        "HTTP/1.1  200 OK\r\n\r\n"sv,
                                        "HTTP/1.2 200 OK\r\n\r\n"sv,
                                        "HTTP/2 200 OK\r\n\r\n"sv,
                                        "http/1.1 200 OK\r\n\r\n"sv,
                                        "ICY 200 OK\r\n\r\n"sv,
                                        "\r\nHTTP/1.1 200 OK\r\n\r\n"sv,
                                        " HTTP/1.1 200 OK\r\n\r\n"sv,
                                        "HTTP/1.1 200 O\0K\r\n\r\n"sv,
                                        "\r\n"sv,
                                        "HTTP/1.1 200 O\rK\r\n\r\n"sv,
                                        "HTTP/1.1\r\n\r\n"sv,
                                        "<html>\r\n\r\n"sv,
                                        "HTTP/1.1 200 OK\r\nHTTP/1.1 200 OK\r\n\r\n"sv,
                                        "HTTP/1.1 200 OK\r\nA : b\r\n\r\n"sv,
                                        "HTTP/1.1 200\r\nHTTP/1.1 200\r\n\r\n"sv,
                                        "HTTP/1.1 200\r\n folded: b\r\n\r\n"sv,
                                        "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n"sv,
                                        "HTTP/1.1 200 OK\r\nA: \x01\r\n\r\n"sv}) {
        ResponseHead head;
        auto const result = read(text, head);
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_EQ(result.error().kind, FailureKind::response_malformed) << text;
    }
}

TEST(ResponseHead, BoundsFields) {
    std::string const three = "HTTP/1.1 200 OK\r\n" + repeated("A: b\r\n", 3) + "\r\n";
    ResponseHead head;
    EXPECT_EQ(parse_response_head(three, {999, 2}, head).error().kind,
              FailureKind::response_head_too_large);
}

TEST(Fields, DroppingHidesAndAddingAppends) {
    test::Request request{"GET / HTTP/1.1\r\nHost: h\r\nVia: a\r\nVia: b\r\nCookie: c\r\n\r\n"};
    Fields& fields = request.head.fields;
    EXPECT_EQ(fields.value_of(FieldId::via), "a");
    EXPECT_EQ(fields.value_of(FieldId::date), "");
    EXPECT_EQ(fields.find(FieldId::date), nullptr);
    EXPECT_TRUE(fields.has(FieldId::cookie));
    EXPECT_FALSE(fields.has_any(FieldSet{FieldId::date, FieldId::te}));
    EXPECT_TRUE(fields.has_any(FieldSet{FieldId::date, FieldId::via}));

    fields.drop(FieldId::via);
    EXPECT_EQ(fields.find(FieldId::via), nullptr);
    EXPECT_EQ(fields.value_of(FieldId::cookie), "c");
    fields.drop(FieldSet{FieldId::cookie, FieldId::host});
    for (Field const& field : fields.parsed())
        EXPECT_TRUE(field.dropped) << field.name;

    fields.add("A", "1");
    fields.add("B", "2", "", "34");
    fields.extend("5", "6");
    EXPECT_EQ(fields.added_lines(), "A: 1\r\nB: 23456\r\n");

    fields.clear();
    EXPECT_TRUE(fields.parsed().empty());
    EXPECT_TRUE(fields.added_lines().empty());
    EXPECT_FALSE(fields.has(FieldId::via));
}

TEST(RequestHead, RandomBytesNeverGetOutOfTheBuffer) {
    // Pieces that matter, joined at random: far more heads get deep into the parser than random
    // bytes alone would. Sanitizers watch; what is accepted must be whole lines of the buffer.
    constexpr std::string_view kPieces[] = {"GET ",
                                            "POST",
                                            " ",
                                            "/",
                                            "*",
                                            " HTTP/1.1",
                                            "HTTP/1.0",
                                            "\r\n",
                                            "\r",
                                            "\n",
                                            "\t",
                                            ":",
                                            ": ",
                                            "Host: h\r\n",
                                            "Content-Length: ",
                                            "5",
                                            "Transfer-Encoding: chunked\r\n",
                                            ",",
                                            "chunked",
                                            "Connection: ",
                                            "a",
                                            "\x80",
                                            "\r\n ",
                                            "\r\n\r\n",
                                            "GET / HTTP/1.1\r\n",
                                            "A: b\r\n"};
    reverse_proxy::core::Random random{20'240'501};
    unsigned accepted = 0;
    for (int round = 0; round < 20'000; ++round) {
        std::string text = random.below(4) == 0 ? "" : "GET / HTTP/1.1\r\n";
        for (std::uint64_t pieces = random.below(12); pieces > 0; --pieces) {
            if (random.below(8) == 0)
                text += static_cast<char>(random.below(256));
            else
                text += kPieces[random.below(std::size(kPieces))];
        }
        RequestHead head;
        if (!read(text, head)) continue;
        ++accepted;
        for (Field const& field : head.fields.parsed()) {
            ASSERT_GE(field.line.data(), text.data());
            ASSERT_LE(field.line.data() + field.line.size(), text.data() + text.size());
            ASSERT_TRUE(field.line.starts_with(field.name));
            ASSERT_EQ(field.line.find('\n'), field.line.size() - 1);
            if (field.canonical) {
                ASSERT_EQ(field.line,
                          std::string{field.name} + ": " + std::string{field.value} + "\r\n");
            }
        }
        ResponseHead response;
        static_cast<void>(read(text, response));
        Fields trailers;
        static_cast<void>(parse_trailers(text, kLimits, trailers));
    }
    EXPECT_GT(accepted, 500U);
}
