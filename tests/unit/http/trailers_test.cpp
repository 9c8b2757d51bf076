#include "tests/unit/http/heads.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy::http;
using reverse_proxy::core::FailureKind;
using test::kLimits;

TEST(Trailers, FieldsAsInAHead) {
    std::string const text = "Server-Timing: a;dur=1\r\nChecksum:x \r\nEmpty: \r\n\r\n";
    Fields fields;
    ASSERT_TRUE(parse_trailers(text, kLimits, fields).has_value());
    ASSERT_EQ(fields.parsed().size(), 3U);
    EXPECT_EQ(fields.parsed()[0].value, "a;dur=1");
    EXPECT_TRUE(fields.parsed()[0].canonical);
    EXPECT_EQ(fields.parsed()[1].value, "x");
    EXPECT_EQ(fields.parsed()[1].line, "Checksum:x \r\n");
    EXPECT_FALSE(fields.parsed()[1].canonical);
    EXPECT_TRUE(fields.parsed()[2].canonical);
    for (Field const& field : fields.parsed())
        EXPECT_FALSE(field.dropped) << field.name;
}

TEST(Trailers, NoneIsTheOrdinaryCase) {
    Fields fields;
    ASSERT_TRUE(parse_trailers("\r\n", kLimits, fields).has_value());
    EXPECT_TRUE(fields.parsed().empty());
}

TEST(Trailers, FieldsThatSteerAreDropped) {
    for (std::string_view const name : {"Host",
                                        "Connection",
                                        "Trailer",
                                        "TE",
                                        "Upgrade",
                                        "X-Forwarded-For",
                                        "X_Forwarded_For",
                                        "X-Forwarded-Port",
                                        "Forwarded",
                                        "X-Real-IP",
                                        "X-Request-Id",
                                        "traceparent",
                                        "Authorization",
                                        "Proxy-Authorization",
                                        "Cookie",
                                        "Set-Cookie",
                                        "Content-Encoding",
                                        "content-range",
                                        "Content-Type",
                                        "If-Match",
                                        "IF-NONE-MATCH",
                                        "Range",
                                        "Cache-Control",
                                        "Expires",
                                        "WWW-Authenticate",
                                        "Location",
                                        "Via",
                                        "Expect",
                                        "Max-Forwards",
                                        "Keep-Alive",
                                        "Vary",
                                        "Age",
                                        "Date",
                                        "Pragma",
                                        "Content_Length",
                                        "Proxy"}) {
        std::string const text = std::string{name} + ": 1\r\nX-Ok: 2\r\n\r\n";
        Fields fields;
        ASSERT_TRUE(parse_trailers(text, kLimits, fields).has_value()) << name;
        ASSERT_EQ(fields.parsed().size(), 2U);
        EXPECT_TRUE(fields.parsed()[0].dropped) << name;
        EXPECT_FALSE(allowed_in_trailers(fields.parsed()[0].id)) << name;
        EXPECT_FALSE(fields.parsed()[1].dropped);
        EXPECT_TRUE(allowed_in_trailers(fields.parsed()[1].id));
    }
}

TEST(Trailers, FieldsThatFrameAreRefused) {
    for (std::string_view const name :
         {"Content-Length", "content-length", "Transfer-Encoding", "TRANSFER-ENCODING"}) {
        Fields fields;
        std::string const text = "X-Ok: 2\r\n" + std::string{name} + ": 1\r\n\r\n";
        auto const result = parse_trailers(text, kLimits, fields);
        ASSERT_FALSE(result.has_value()) << name;
        EXPECT_EQ(result.error().kind, FailureKind::request_malformed) << name;
    }
}

TEST(Trailers, Malformed) {
    using namespace std::string_view_literals;
    for (std::string_view const text :
         {""sv, "A: b\r\n"sv, "A: b\n\r\n"sv, "A: b\r\n\n"sv, "A b\r\n\r\n"sv, ": b\r\n\r\n"sv,
          "A : b\r\n\r\n"sv, " A: b\r\n\r\n"sv, "A: b\r\n c\r\n\r\n"sv, "A: b\0\r\n\r\n"sv,
          "A: b\rc\r\n\r\n"sv, "A: b\r\r\n\r\n"sv, "A\x80: b\r\n\r\n"sv, "A: \x7f\r\n\r\n"sv,
          "A: b\r\n\r\nx"sv, "\r\n\r\n"sv, "\r\nA: b\r\n\r\n"sv, "A: b"sv}) {
        Fields fields;
        auto const result = parse_trailers(text, kLimits, fields);
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_EQ(result.error().kind, FailureKind::request_malformed) << text;
    }
}

TEST(Trailers, Bounds) {
    Fields fields;
    EXPECT_EQ(parse_trailers("A: b\r\n\r\n", {7, 9}, fields).error().kind,
              FailureKind::head_too_large);
    EXPECT_EQ(parse_trailers("A: b\r\nA: b\r\n\r\n", {99, 1}, fields).error().kind,
              FailureKind::head_too_large);
    EXPECT_TRUE(parse_trailers("A: b\r\n\r\n", {8, 1}, fields).has_value());
}
