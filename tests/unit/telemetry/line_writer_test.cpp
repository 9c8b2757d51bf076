#include "telemetry/line_writer.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <string>
#include <vector>

using namespace reverse_proxy::telemetry;
using namespace std::chrono_literals;

namespace {

std::string json(std::string_view value) {
    LineBuffer out;
    append_json_escaped(out, value);
    return std::string{out.view()};
}

std::string text(std::string_view value) {
    LineBuffer out;
    append_text_value(out, value);
    return std::string{out.view()};
}

struct Case {
    std::string_view value;
    std::string_view escaped;
};

}  // namespace

TEST(Timestamp, IsRfc3339WithMilliseconds) {
    Timestamp timestamp;
    using std::chrono::sys_days;
    using namespace std::chrono;
    WallClock::time_point const moment = sys_days{2026y / November / 24} + 10h + 7min + 5s + 42ms;
    EXPECT_EQ(timestamp.text(moment), "2026-11-24T10:07:05.042Z");
    EXPECT_EQ(timestamp.text(moment + 957ms), "2026-11-24T10:07:05.999Z");
    EXPECT_EQ(timestamp.text(moment + 958ms), "2026-11-24T10:07:06.000Z");
    EXPECT_EQ(timestamp.text(sys_days{2024y / February / 29} + 23h + 59min + 59s),
              "2024-02-29T23:59:59.000Z");
    EXPECT_EQ(timestamp.text(WallClock::time_point{}), "1970-01-01T00:00:00.000Z");
    EXPECT_EQ(timestamp.text(WallClock::time_point{} - 1ms), "1969-12-31T23:59:59.999Z");
}

TEST(LineWriter, JsonEscapes) {
    std::vector<Case> const cases{
        {"plain /path?x=1&y='z'", "plain /path?x=1&y='z'"},
        {"a\"b\\c", "a\\\"b\\\\c"},
        {"line\r\nfeed\ttab", "line\\u000d\\u000afeed\\u0009tab"},
        {std::string_view{"nul\0", 4}, "nul\\u0000"},
        {"\x1b[31m\x7f", "\\u001b[31m\\u007f"},
        {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"c1 \xc2\x85", "c1 \\u0085"},
        {"\xe2\x80\xa8\xe2\x80\xa9", "\\u2028\\u2029"},
        {"\xff", "\\ufffd"},
        {"cut \xe2\x82", "cut \\ufffd\\ufffd"},
        {"overlong \xc0\xaf", "overlong \\ufffd\\ufffd"},
        {"overlong \xe0\x80\xaf", "overlong \\ufffd\\ufffd\\ufffd"},
        {"surrogate \xed\xa0\x80", "surrogate \\ufffd\\ufffd\\ufffd"},
        {"too high \xf4\x90\x80\x80", "too high \\ufffd\\ufffd\\ufffd\\ufffd"},
        {"bad tail \xe2\x28\xa1", "bad tail \\ufffd(\\ufffd"},
        {"", ""},
    };
    for (auto const& [value, escaped] : cases)
        EXPECT_EQ(json(value), escaped);
}

TEST(LineWriter, JsonIsValidForEveryPairOfBytes) {
    for (unsigned first = 0; first < 256; ++first) {
        std::string all;
        for (unsigned second = 0; second < 256; ++second) {
            all += static_cast<char>(first);
            all += static_cast<char>(second);
        }
        std::string const escaped = "\"" + json(all) + "\"";
        EXPECT_TRUE(nlohmann::json::accept(escaped)) << first;
        EXPECT_EQ(escaped.find('\n'), std::string::npos);
    }
}

TEST(LineWriter, TextQuotesWhatIsNotOneWord) {
    std::vector<Case> const cases{
        {"word", "word"},
        {"/path/:id?x", "/path/:id?x"},
        {"", "\"\""},
        {"two words", "\"two words\""},
        {"k=v", "\"k=v\""},
        {"q\"q", "\"q\\\"q\""},
        {"b\\b", "\"b\\\\b\""},
        {"x\n2026-11-24T10:00:00.123Z error forged",
         "\"x\\x0a2026-11-24T10:00:00.123Z error forged\""},
        {"\x1b[2J\r\x7f\x80", "\"\\x1b[2J\\x0d\\x7f\\x80\""},
        {"caf\xc3\xa9", "\"caf\\xc3\\xa9\""},
    };
    for (auto const& [value, escaped] : cases)
        EXPECT_EQ(text(value), escaped);
}

TEST(LineWriter, WritesBothFormats) {
    LineBuffer line;
    line += "left over";
    for (bool const as_json : {false, true}) {
        LineWriter writer{line, as_json};
        writer.begin("2026-11-24T10:00:00.123Z", LogLevel::warn, "endpoint\nunhealthy");
        writer.text("upstream", "a b");
        writer.number("n", 18446744073709551615ULL);
        writer.milliseconds("t", 1'234'567ns);
        writer.milliseconds("rounded", 999'999ns);
        writer.milliseconds("small", 5'000ns);
        writer.milliseconds("negative", -5s);
        writer.end();
        EXPECT_EQ(line.view(),
                  as_json ? R"({"ts":"2026-11-24T10:00:00.123Z","level":"warn",)"
                            R"("msg":"endpoint\u000aunhealthy","upstream":"a b",)"
                            R"("n":18446744073709551615,"t":1.235,"rounded":1.000,"small":0.005,)"
                            R"("negative":0.000})"
                          : R"(2026-11-24T10:00:00.123Z warn endpoint\x0aunhealthy )"
                            R"(upstream="a b" n=18446744073709551615 t=1.235 rounded=1.000 )"
                            R"(small=0.005 negative=0.000)");
    }
}

TEST(LineBuffer, GrowsAndIsUsedAgain) {
    LineBuffer buffer;
    std::string expected;
    for (int i = 0; i < 1000; ++i) {
        buffer += "abc";
        buffer += 'd';
        expected += "abcd";
    }
    EXPECT_EQ(buffer.view(), expected);
    char const* const grown = buffer.view().data();
    buffer.clear();
    EXPECT_EQ(buffer.view(), "");
    buffer += expected;
    EXPECT_EQ(buffer.view().data(), grown);
    EXPECT_EQ(buffer.view(), expected);
}
