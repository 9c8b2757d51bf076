#include "reverse_proxy/config/command_line.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

using namespace reverse_proxy::config;
using reverse_proxy::test_support::os::is_windows;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

namespace {

std::variant<CommandLine, UsageError> parse(std::vector<char const*> arguments) {
    arguments.insert(arguments.begin(), "reverse-proxy");
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

}  // namespace

TEST(CommandLine, KnowsItsFlags) {
    struct Case {
        std::vector<char const*> arguments;
        Action action;
        bool demo;
    };
    Case const cases[] = {
        {{}, Action::run, false},
        {{"--demo"}, Action::run, true},
        {{"--help"}, Action::help, false},
        {{"-h"}, Action::help, false},
        {{"--version"}, Action::version, false},
        {{"--check-config"}, Action::check_config, false},
        {{"--print-config"}, Action::print_config, false},
        {{"--healthcheck"}, Action::healthcheck, false},
        {{"--check-config", "--demo"}, Action::check_config, true},
        {{"--check-config", "--help", "--version"}, Action::help, false},
        {{"--print-config", "--version"}, Action::version, false},
    };
    for (auto const& c : cases) {
        auto const parsed = parse(c.arguments);
        ASSERT_TRUE(std::holds_alternative<CommandLine>(parsed))
            << testing::PrintToString(c.arguments) << std::get<UsageError>(parsed).text;
        EXPECT_EQ(std::get<CommandLine>(parsed).action, c.action)
            << testing::PrintToString(c.arguments);
        EXPECT_EQ(std::get<CommandLine>(parsed).demo, c.demo);
    }
}

TEST(CommandLine, RefusesEverythingElseWith64) {
    std::vector<std::vector<char const*>> const cases{
        {"--bogus"},
        {"-x"},
        {"positional"},
        {""},
        {"--demo", "x"},
        {"--demo=maybe"},
        {"--demo=false"},
        {"--dem"},
        {"---demo"},
        {"--help", "--bogus"},
        {"--check-config", "--print-config"},
        {"--healthcheck", "--check-config"},
        {"--listen=0.0.0.0:80"},
        {"--config", "file"},
    };
    for (auto const& arguments : cases) {
        auto const parsed = parse(arguments);
        if (std::holds_alternative<CommandLine>(parsed)) {
            ADD_FAILURE() << testing::PrintToString(arguments);
            continue;
        }
        auto const& error = std::get<UsageError>(parsed);
        EXPECT_EQ(error.exit_code, 64);
        EXPECT_THAT(error.text, StartsWith("reverse-proxy: "));
        EXPECT_THAT(error.text, EndsWith("Try 'reverse-proxy --help'.\n"));
    }
}

TEST(CommandLine, NamesTheArgumentThatIsWrong) {
    EXPECT_THAT(std::get<UsageError>(parse({"--bogus"})).text, HasSubstr("--bogus"));
}

TEST(CommandLine, VersionIsThreeNumbers) {
    if (is_windows()) GTEST_SKIP() << "GoogleTest has no such regular expressions there";
    EXPECT_THAT(std::string{version()}, testing::MatchesRegex("[0-9]+\\.[0-9]+\\.[0-9]+"));
}
