#pragma once

#include "reverse_proxy/http/head.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

/// Heads for tests; the text must outlive what was parsed from it.
namespace reverse_proxy::http::test {

inline constexpr HeadLimits kLimits{65'536, 128};

/// What a client that sends `bytes`, and then nothing, meets.
inline core::Result<void> read(std::string_view bytes, RequestHead& head,
                               HeadLimits const& limits = kLimits) {
    HeadScanner scanner;
    auto const size = read_head(bytes, limits, scanner, head);
    if (!size) return size.error();
    if (*size == 0) return core::Failure{core::FailureKind::head_timeout, "incomplete"};
    return {};
}

inline core::Result<void> read(std::string_view bytes, ResponseHead& head,
                               HeadLimits const& limits = kLimits) {
    HeadScanner scanner{HeadScanner::Part::response_head};
    auto const size = read_head(bytes, limits, scanner, head);
    if (!size) return size.error();
    if (*size == 0) return core::Failure{core::FailureKind::response_timeout, "incomplete"};
    return {};
}

/// A head that is known to be good.
struct Request {
    explicit Request(std::string text_) : text{std::move(text_)} {
        auto const result = read(text, head);
        EXPECT_TRUE(result.has_value()) << text;
    }
    std::string text;
    RequestHead head;
};

struct Response {
    explicit Response(std::string text_) : text{std::move(text_)} {
        auto const result = read(text, head);
        EXPECT_TRUE(result.has_value()) << text;
    }
    std::string text;
    ResponseHead head;
};

}  // namespace reverse_proxy::http::test
