#include "config/settings_table.hpp"
#include "reverse_proxy/config/environment.hpp"
#include "reverse_proxy/config/settings_report.hpp"
#include "reverse_proxy/core/random.hpp"

#include <gtest/gtest.h>

using namespace reverse_proxy::config;
using reverse_proxy::core::Random;

namespace {

// Pieces that meet the readers' special cases more often than random bytes would.
constexpr std::string_view kPieces[] = {"http://",    "https://",  "unix:",  "/",
                                        "//",         ":",         "[",      "]",
                                        "::1",        "@",         ",",      " ",
                                        "\t",         "\n",        "%2F",    "%",
                                        "#",          "?",         "0",      "1",
                                        "65535",      "65536",     "-",      "+",
                                        "1e9",        "true",      "off",    "127.0.0.1",
                                        "10.0.0.0/8", "localhost", "origin", "18446744073709551616",
                                        "json",       "ERROR",     "."};

std::string garbage(Random& random) {
    std::string out;
    auto const pieces = random.below(8);
    for (std::uint64_t i = 0; i < pieces; ++i) {
        if (random.below(4) == 0)
            out += static_cast<char>(random.below(256));
        else
            out += kPieces[random.below(std::size(kPieces))];
    }
    return out;
}

bool is_one_printable_line(std::string const& text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c < 0x7f; });
}

/// Reading what --print-config wrote must give the same settings again.
void expect_round_trip(Settings const& settings) {
    Environment printed;
    for (auto const& setting : settings_table()) {
        if (setting.kind != Kind::secret)
            printed.emplace_back(setting.full_name(), text_of(setting.value(settings)));
    }
    auto const again = read_environment(printed, false);
    ASSERT_TRUE(std::holds_alternative<Settings>(again))
        << testing::PrintToString(std::get<Mistakes>(again));
    auto expected = settings;
    expected.telemetry.metrics_bearer_token.clear();
    EXPECT_EQ(settings_json(std::get<Settings>(again)), settings_json(expected));
}

}  // namespace

TEST(EnvironmentGarbage, GivesSettingsOrMistakesThatNameTheVariable) {
    Random random{20240229};
    int accepted = 0;
    int refused = 0;
    for (auto const& setting : settings_table()) {
        for (int i = 0; i < 200; ++i) {
            auto const value = garbage(random);
            auto const read = read_environment({{setting.full_name(), value}}, false);
            if (auto const* settings = std::get_if<Settings>(&read)) {
                ++accepted;
                expect_round_trip(*settings);
                continue;
            }
            ++refused;
            ASSERT_FALSE(std::get<Mistakes>(read).empty());
            for (auto const& line : std::get<Mistakes>(read)) {
                EXPECT_TRUE(line.starts_with(setting.full_name() + ": ")) << line;
                EXPECT_NE(line.find(", given "), std::string::npos) << line;
                EXPECT_NE(line.find(", allowed: "), std::string::npos) << line;
                EXPECT_TRUE(is_one_printable_line(line)) << line;
                EXPECT_LT(line.size(), 600U) << line;
            }
        }
    }
    // Both ways are walked, or the pieces above have lost their use.
    EXPECT_GT(accepted, 500);
    EXPECT_GT(refused, 500);
}

TEST(EnvironmentGarbage, InAllVariablesAtOnceNamesEachWrongOne) {
    Random random{7};
    for (int i = 0; i < 20; ++i) {
        Environment environment;
        for (auto const& setting : settings_table())
            environment.emplace_back(setting.full_name(), "\x01" + garbage(random));
        auto const read = read_environment(environment, false);
        ASSERT_TRUE(std::holds_alternative<Mistakes>(read));
        for (auto const& setting : settings_table()) {
            auto const& mistakes = std::get<Mistakes>(read);
            EXPECT_TRUE(std::any_of(mistakes.begin(), mistakes.end(), [&](auto const& line) {
                return line.starts_with(setting.full_name() + ": ");
            })) << setting.name;
        }
    }
}

TEST(EnvironmentGarbage, UnknownNamesAreAlwaysRefused) {
    Random random{9};
    for (int i = 0; i < 200; ++i) {
        auto const read = read_environment({{"REVERSE_PROXY_~" + garbage(random), "x"}}, false);
        ASSERT_TRUE(std::holds_alternative<Mistakes>(read));
        for (auto const& line : std::get<Mistakes>(read)) {
            EXPECT_NE(line.find("nearest is REVERSE_PROXY_"), std::string::npos) << line;
            EXPECT_TRUE(is_one_printable_line(line)) << line;
        }
    }
}
