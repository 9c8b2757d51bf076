#include "config/value_text.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace reverse_proxy::config;
using namespace std::string_view_literals;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(ValueText, ShownEscapesAndCuts) {
    EXPECT_EQ(shown("abc 1"), R"("abc 1")");
    EXPECT_EQ(shown(""), R"("")");
    EXPECT_EQ(shown("a\"b\\c"), R"("a\"b\\c")");
    EXPECT_EQ(shown("\n\x1b[0m\x7f\0\xc3\xa4"sv), R"("\x0a\x1b[0m\x7f\x00\xc3\xa4")");
    EXPECT_EQ(shown(std::string(64, 'x')), '"' + std::string(64, 'x') + '"');
    EXPECT_EQ(shown(std::string(65, 'x')), '"' + std::string(64, 'x') + "\"... (65 bytes)");
}

TEST(ValueText, ListEntriesAreTrimmedAndNeverEmpty) {
    EXPECT_THAT(list_entries("a,b"), ElementsAre("a", "b"));
    EXPECT_THAT(list_entries(" a ,\tb\t, c d "), ElementsAre("a", "b", "c d"));
    EXPECT_THAT(list_entries(",,a,,"), ElementsAre("a"));
    EXPECT_THAT(list_entries(""), IsEmpty());
    EXPECT_THAT(list_entries(" , ,"), IsEmpty());
}

TEST(ValueText, BooleansInAnyCase) {
    for (auto const text : {"true", "TRUE", "True", "1", "yes", "YES", "on", "oN"})
        EXPECT_EQ(std::get<bool>(parse_boolean(text)), true) << text;
    for (auto const text : {"false", "FALSE", "0", "no", "No", "off", "OFF"})
        EXPECT_EQ(std::get<bool>(parse_boolean(text)), false) << text;
    for (auto const text : {"", "2", "y", "t", "enabled", "true ", "truetrue", "00"})
        EXPECT_TRUE(std::holds_alternative<Problem>(parse_boolean(text))) << text;
}

TEST(ValueText, NumbersAreDigitsInRange) {
    struct Case {
        std::string_view text;
        std::uint64_t min;
        std::uint64_t max;
        std::uint64_t value;
    };
    constexpr auto all = ~std::uint64_t{0};
    Case const cases[] = {
        {"0", 0, 0, 0},
        {"007", 0, 10, 7},
        {"5", 5, 5, 5},
        {"18446744073709551615", 0, all, all},
        {"0000000000000000000000000000001", 0, 10, 1},
    };
    for (auto const& c : cases)
        EXPECT_EQ(std::get<std::uint64_t>(parse_number(c.text, c.min, c.max)), c.value) << c.text;
}

TEST(ValueText, NumbersSayWhatIsWrong) {
    struct Case {
        std::string_view text;
        std::string_view what;
    };
    Case const cases[] = {
        {"", "is not a whole number"},
        {"-1", "is not a whole number"},
        {"+5", "is not a whole number"},
        {"5 ", "is not a whole number"},
        {" 5", "is not a whole number"},
        {"1 0", "is not a whole number"},
        {"0x5", "is not a whole number"},
        {"5s", "is not a whole number"},
        {"5.0", "is not a whole number"},
        {"5e0", "is not a whole number"},
        {"1_0", "is not a whole number"},
        {"99999999999999999999999x", "is not a whole number"},
        {"3", "is too small"},
        {"11", "is too large"},
        {"18446744073709551616", "is too large"},
        {"18446744073709551621", "is too large"},  // 5 modulo 2^64
        {"99999999999999999999999", "is too large"},
    };
    for (auto const& c : cases) {
        auto const parsed = parse_number(c.text, 4, 10);
        ASSERT_TRUE(std::holds_alternative<Problem>(parsed)) << c.text;
        EXPECT_EQ(std::get<Problem>(parsed).what, c.what) << c.text;
    }
}
