#include "config/command_options.hpp"
#include "config/settings_table.hpp"
#include "reverse_proxy/config/manual.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>

using namespace reverse_proxy::config;
using reverse_proxy::test_support::os::is_windows;
using testing::ContainsRegex;
using testing::HasSubstr;

TEST(Manual, NamesEverySettingFlagAndExitCode) {
    auto const page = manual_page();
    for (auto const& setting : settings_table())
        EXPECT_THAT(page, HasSubstr("\n.TP\n.B " + setting.full_name() + '\n'));
    EXPECT_THAT(page, HasSubstr("\n.TP\n.B \\-h,\\-\\-help\n"));
    for (auto const code : {"0", "1", "64", "69", "78"})
        EXPECT_THAT(page, HasSubstr(std::string{"\n.TP\n.B "} + code + '\n'));
    EXPECT_THAT(page, HasSubstr("Default: 10000 ms\\&. Allowed: 1 to 86400000 ms\\&.\n"));
}

TEST(Manual, TextIsNoMarkup) {
    if (is_windows()) GTEST_SKIP() << "GoogleTest has no such regular expressions there";
    std::istringstream lines{manual_page()};
    std::string const known[] = {"TH", "SH", "SS", "TP", "PP", "B",
                                 "BR", "I",  "IR", "br", "nf", "fi"};
    for (std::string line; std::getline(lines, line);) {
        EXPECT_FALSE(line.starts_with('\'')) << line;
        // A minus that is not escaped is set as a hyphen and cannot be pasted into a shell.
        EXPECT_THAT(line, testing::Not(ContainsRegex("(^|[^\\])-"))) << line;
        if (!line.starts_with('.')) continue;
        EXPECT_THAT(known, testing::Contains(line.substr(1, line.find(' ') - 1))) << line;
    }
}

TEST(BashCompletion, KnowsEveryFlag) {
    if (is_windows()) GTEST_SKIP() << "GoogleTest has no such regular expressions there";
    auto const completion = bash_completion();
    for (auto const& option : kCommandOptions) {
        auto const flag = option.flags.substr(option.flags.find("--"));
        EXPECT_THAT(completion, ContainsRegex("[ \"]" + std::string{flag} + "[ \"]"));
    }
    EXPECT_THAT(completion, HasSubstr("\"-h --help "));
}
