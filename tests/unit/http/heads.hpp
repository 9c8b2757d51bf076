#pragma once

#include "reverse_proxy/http/head.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

/// Heads for tests; the text must outlive what was parsed from it.
namespace reverse_proxy::http::test {

inline constexpr HeadLimits kLimits{65'536, 128};

/// The verdict of scanner and parser together: what a client that sends `bytes` meets.
inline core::Result<void> read(std::string_view bytes, RequestHead& head,
                               HeadLimits const& limits = kLimits) {
    HeadScanner scanner;
    switch (scanner.scan(bytes, limits)) {
    case HeadScanner::Status::failed:
        return scanner.failure();
    case HeadScanner::Status::incomplete:
        return core::Failure{core::FailureKind::head_timeout, "incomplete"};
    case HeadScanner::Status::complete:
        break;
    }
    return parse_request_head(bytes.substr(0, scanner.size()), limits, head);
}

inline core::Result<void> read(std::string_view bytes, ResponseHead& head,
                               HeadLimits const& limits = kLimits) {
    HeadScanner scanner{HeadScanner::Part::response_head};
    switch (scanner.scan(bytes, limits)) {
    case HeadScanner::Status::failed:
        return scanner.failure();
    case HeadScanner::Status::incomplete:
        return core::Failure{core::FailureKind::response_timeout, "incomplete"};
    case HeadScanner::Status::complete:
        break;
    }
    return parse_response_head(bytes.substr(0, scanner.size()), limits, head);
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
