#include "telemetry/otlp_answer.hpp"

#include <gtest/gtest.h>

#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;
using Verdict = OtlpAnswer::Verdict;

TEST(OtlpAnswer, TheStatusDecides) {
    for (unsigned const status : {200U, 202U, 204U})
        EXPECT_EQ(judge_answer(status, "", "{}").verdict, Verdict::accepted) << status;
    for (unsigned const status : {429U, 502U, 503U, 504U})
        EXPECT_EQ(judge_answer(status, "", "").verdict, Verdict::retry) << status;
    for (unsigned const status : {302U, 400U, 401U, 404U, 408U, 413U, 500U, 501U, 505U})
        EXPECT_EQ(judge_answer(status, "", "").verdict, Verdict::refused) << status;
}

TEST(OtlpAnswer, RetryAfterIsSecondsWhereItIsANumber) {
    EXPECT_EQ(judge_answer(503, "7", "").wait, 7s);
    EXPECT_EQ(judge_answer(429, "0", "").wait, 0s);
    for (std::string_view const value :
         {"", "soon", "1.5", "-1", " 1", "Tue, 24 Nov 2026 12:00:00 GMT", "99999999999999999999"})
        EXPECT_FALSE(judge_answer(503, value, "").wait) << value;
    EXPECT_FALSE(judge_answer(200, "7", "{}").wait);
}

TEST(OtlpAnswer, PartialSuccessIsCounted) {
    struct Row {
        std::string_view content;
        std::uint64_t rejected;
        std::string_view why;
    };
    constexpr Row kRows[] = {
        {"", 0, ""},
        {"{", 0, ""},
        {"[]", 0, ""},
        {R"({"partialSuccess":null})", 0, ""},
        {R"({"partialSuccess":{}})", 0, ""},
        {R"({"partialSuccess":{"rejectedSpans":"3","errorMessage":"too old"}})", 3, "too old"},
        {R"({"partialSuccess":{"rejectedSpans":4}})", 4, "spans rejected"},
        {R"({"partialSuccess":{"rejectedSpans":-1}})", 0, ""},
        {R"({"partialSuccess":{"rejectedSpans":"x","errorMessage":7}})", 0, ""},
        {R"({"partialSuccess":{"rejectedSpans":"0","errorMessage":"slow down"}})", 0, "slow down"},
    };
    for (Row const& row : kRows) {
        OtlpAnswer const answer = judge_answer(200, "", row.content);
        EXPECT_EQ(answer.verdict, Verdict::accepted) << row.content;
        EXPECT_EQ(answer.rejected, row.rejected) << row.content;
        EXPECT_EQ(answer.why, row.why) << row.content;
    }
    std::string const long_message(1000, 'x');
    EXPECT_EQ(
        judge_answer(200, "", R"({"partialSuccess":{"errorMessage":")" + long_message + "\"}}")
            .why.size(),
        200U);
}

TEST(OtlpAnswer, TheBackoffDoublesWithJitterUpToABound) {
    core::Random random{1};
    auto const most = [&](unsigned retry) { return 250ms * (1U << std::min(retry - 1, 6U)); };
    for (unsigned const retry : {1U, 2U, 5U, 7U, 8U, 1000U}) {
        bool differs = false;
        auto const first = export_backoff(retry, random);
        for (unsigned i = 0; i < 100; ++i) {
            auto const wait = export_backoff(retry, random);
            EXPECT_GE(wait, most(retry) / 2);
            EXPECT_LE(wait, most(retry));
            differs = differs || wait != first;
        }
        EXPECT_TRUE(differs) << retry;
    }
}
