#include "reverse_proxy/http/failure_status.hpp"
#include "reverse_proxy/http/local_response.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <optional>
#include <string>

using namespace reverse_proxy::http;
using nlohmann::json;
using reverse_proxy::core::FailureKind;

namespace {

std::optional<std::string> field(LocalResponse const& response, std::string_view name) {
    for (auto const& [known, value] : response.fields) {
        if (known == name) return value;
    }
    return {};
}

}  // namespace

TEST(FailureResponse, IsAProblemDocument) {
    LocalResponse const response =
        failure_response(FailureKind::connect_refused, "0af7651916cd43dd", 0, {});
    EXPECT_EQ(response.status, 502U);
    EXPECT_EQ(response.content_type, "application/problem+json");
    EXPECT_EQ(json::parse(response.content), (json{{"type", "about:blank"},
                                                   {"status", 502},
                                                   {"title", "Bad Gateway"},
                                                   {"request_id", "0af7651916cd43dd"}}));
    EXPECT_EQ(field(response, "Proxy-Status"), "reverse-proxy; error=connection_refused");
    EXPECT_EQ(field(response, "Retry-After"), std::nullopt);
}

TEST(FailureResponse, EveryKindHasTheStatusOfTheTable) {
    for (int i = 0; i <= static_cast<int>(FailureKind::internal_error); ++i) {
        auto const kind = static_cast<FailureKind>(i);
        if (kind == FailureKind::client_gone) continue;  // nobody is there to read an answer
        FailureStatus const& row = failure_status(kind);
        LocalResponse const response = failure_response(kind, "id", 0, {});
        EXPECT_EQ(response.status, row.status);
        json const problem = json::parse(response.content);
        EXPECT_EQ(problem.at("status"), row.status);
        EXPECT_EQ(problem.at("title"), reason_phrase(row.status));
        EXPECT_EQ(field(response, "Proxy-Status"),
                  "reverse-proxy; error=" + std::string{row.error_type});
    }
}

TEST(FailureResponse, RetryAfterWhereThereIsOne) {
    EXPECT_EQ(field(failure_response(FailureKind::in_flight_limit, "id", 3, {}), "Retry-After"),
              "3");
}

TEST(FailureResponse, DetailOnlyWhereItMayBeShown) {
    LocalResponse const open =
        failure_response(FailureKind::response_timeout, "id", 0, "no response head in time");
    EXPECT_EQ(json::parse(open.content).at("detail"), "no response head in time");
    EXPECT_EQ(field(open, "Proxy-Status"),
              "reverse-proxy; error=http_response_timeout; details=\"no response head in time\"");
    LocalResponse const closed = failure_response(FailureKind::response_timeout, "id", 0, {});
    EXPECT_FALSE(json::parse(closed.content).contains("detail"));
    EXPECT_EQ(closed.content.find("response head"), std::string::npos);
}

TEST(FailureResponse, RequestIdOfAClientCannotBreakOut) {
    std::string const hostile = "\"},\xff\r\n<b>";
    LocalResponse const response = failure_response(FailureKind::request_malformed, hostile, 0, {});
    json const problem = json::parse(response.content);
    EXPECT_EQ(problem.size(), 4U);
    for (char const c : response.content)
        EXPECT_TRUE(c >= ' ' && c <= '~');
}
