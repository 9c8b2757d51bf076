#include "config/settings_table.hpp"
#include "reverse_proxy/config/settings_doc.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

using namespace reverse_proxy::config;
using testing::HasSubstr;

TEST(SettingsDoc, CheckedInPageMatchesTheTable) {
    std::ifstream file{CONFIGURATION_DOC};
    std::ostringstream content;
    content << file.rdbuf();
    EXPECT_EQ(content.str(), configuration_markdown())
        << "write it anew: render_docs configuration > docs/configuration.md";
}

TEST(SettingsDoc, BothNameEverySettingAndExitCode) {
    auto const help = help_text();
    auto const page = configuration_markdown();
    for (auto const& setting : settings_table()) {
        EXPECT_THAT(help, HasSubstr("\n  " + setting.full_name())) << setting.name;
        EXPECT_THAT(page, HasSubstr("| `" + setting.full_name() + '`')) << setting.name;
    }
    EXPECT_THAT(help, HasSubstr("REVERSE_PROXY_METRICS_BEARER_TOKEN_FILE"));
    for (auto const code : {"0", "1", "64", "69", "78"}) {
        EXPECT_THAT(help, HasSubstr(std::string{"\n  "} + code + ' '));
        EXPECT_THAT(page, HasSubstr(std::string{"\n| "} + code + " | "));
    }
}

TEST(SettingsDoc, HelpSaysMeaningDefaultUnitAndRange) {
    auto const help = help_text();
    EXPECT_THAT(help, HasSubstr("  REVERSE_PROXY_CLIENT_HEADER_TIMEOUT_MS\n"
                                "      Time for a whole request head, from its first byte (408).\n"
                                "      Default: 10000 ms. Allowed: 1 to 86400000 ms.\n"));
    EXPECT_THAT(help, HasSubstr("      Default: required. Allowed: list of "
                                "http://host:port[/prefix].\n"));
    EXPECT_THAT(help, HasSubstr("      Default: true. Allowed: true or false.\n"));
}

TEST(SettingsDoc, HelpFitsATerminal) {
    std::istringstream lines{help_text()};
    for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(line.size(), 80U) << line;
        EXPECT_FALSE(line.ends_with(' ')) << line;
    }
}

TEST(SettingsDoc, EveryRowOfAMarkdownTableHasItsCells) {
    std::istringstream lines{configuration_markdown()};
    for (std::string line; std::getline(lines, line);) {
        if (!line.starts_with("| `")) continue;
        std::size_t bars = 0;
        for (std::size_t i = 0; i < line.size(); ++i)
            bars += line[i] == '|' && (i == 0 || line[i - 1] != '\\') ? 1U : 0U;
        EXPECT_EQ(bars, 6U) << line;
    }
}
