#include "reverse_proxy/config/environment.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

using namespace reverse_proxy::config;
using reverse_proxy::test_support::os::is_windows;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

namespace {

constexpr auto kToken = "REVERSE_PROXY_METRICS_BEARER_TOKEN";
constexpr auto kTokenFile = "REVERSE_PROXY_METRICS_BEARER_TOKEN_FILE";

/// A folder of its own, gone with the test.
class SecretFile : public testing::Test {
protected:
    SecretFile() = default;
    ~SecretFile() override { std::filesystem::remove_all(folder_); }
    SecretFile(SecretFile const&) = delete;
    SecretFile& operator=(SecretFile const&) = delete;

    std::string write(std::string_view content) const {
        auto const path = folder_ / "token";
        std::ofstream{path, std::ios::binary} << content;
        return path.string();
    }

    std::filesystem::path folder_{reverse_proxy::test_support::os::new_folder()};
};

std::variant<Settings, Mistakes> read(Environment environment) {
    return read_environment(environment, false);
}

std::string token_from(std::string const& path) {
    auto const result = read({{kTokenFile, path}});
    if (auto const* mistakes = std::get_if<Mistakes>(&result))
        return testing::PrintToString(*mistakes);
    return std::get<Settings>(result).telemetry.metrics_bearer_token;
}

Mistakes mistakes_from(std::string const& path) {
    return std::get<Mistakes>(read({{kTokenFile, path}}));
}

}  // namespace

TEST_F(SecretFile, OneLineEndIsStripped) {
    EXPECT_EQ(token_from(write("s3cret")), "s3cret");
    EXPECT_EQ(token_from(write("s3cret\n")), "s3cret");
    EXPECT_EQ(token_from(write("s3cret\r\n")), "s3cret");
    EXPECT_EQ(token_from("/dev/null"),
              testing::PrintToString(Mistakes{
                  std::string{kTokenFile} +
                  ": names an empty file, given \"/dev/null\", allowed: path of a readable file "
                  "of 1 to 65536 bytes, its last line end not counted"}));
}

TEST_F(SecretFile, ASecondLineEndIsAMistakeThatShowsNothing) {
    for (auto const content : {"s3cret\n\n", "s3cret\r", "s3cret\r\r\n", "\ns3cret", "s3 cret"}) {
        EXPECT_THAT(mistakes_from(write(content)),
                    ElementsAre(AllOf(StartsWith(std::string{kTokenFile} + ": holds a blank"),
                                      Not(HasSubstr("s3")))));
    }
}

TEST_F(SecretFile, EmptyMissingAndUnreadableFiles) {
    for (auto const content : {"", "\n", "\r\n"})
        EXPECT_THAT(mistakes_from(write(content)), ElementsAre(HasSubstr("names an empty file")));
    EXPECT_THAT(mistakes_from((folder_ / "absent").string()),
                ElementsAre(HasSubstr("cannot be opened (No such file or directory)")));
    if (is_windows()) GTEST_SKIP() << "a folder cannot even be opened";
    EXPECT_THAT(mistakes_from(folder_.string()),
                ElementsAre(HasSubstr("cannot be read (Is a directory)")));
}

TEST_F(SecretFile, AtMost64KiB) {
    std::string const longest(65'536, 'x');
    auto const with_room = [](std::string const& path) {
        return read({{kTokenFile, path}, {"REVERSE_PROXY_MAX_HEADER_BYTES", "100000"}});
    };
    for (auto const& content : {longest, longest + '\n', longest + "\r\n"}) {
        auto const result = with_room(write(content));
        ASSERT_TRUE(std::holds_alternative<Settings>(result));
        EXPECT_EQ(std::get<Settings>(result).telemetry.metrics_bearer_token, longest);
    }
    for (auto const& content :
         {longest + 'x', longest + "x\r\n", longest + "xx\n", longest + longest}) {
        auto const result = with_room(write(content));
        EXPECT_THAT(std::get<Mistakes>(result), ElementsAre(HasSubstr("names too large a file")));
    }
}

TEST_F(SecretFile, ExcludesTheVariableItself) {
    auto const path = write("s3cret");
    EXPECT_THAT(std::get<Mistakes>(read({{kToken, "hidden"}, {kTokenFile, path}})),
                ElementsAre("REVERSE_PROXY_METRICS_BEARER_TOKEN: is set beside "
                            "REVERSE_PROXY_METRICS_BEARER_TOKEN_FILE, given both, allowed: one of "
                            "the two"));
    EXPECT_TRUE(std::holds_alternative<Settings>(read({{kToken, ""}, {kTokenFile, path}})));
    EXPECT_TRUE(std::holds_alternative<Settings>(read({{kToken, "x"}, {kTokenFile, ""}})));
}

TEST(Secret, IsNeverShown) {
    for (auto const value : {"s3cret with blanks", "s3cret\n", "s3cret\xff"}) {
        EXPECT_THAT(
            std::get<Mistakes>(read({{kToken, value}})),
            ElementsAre(AllOf(HasSubstr("bytes that are not shown"), Not(HasSubstr("s3cret")))));
    }
    // The secret itself where a path belongs.
    EXPECT_THAT(mistakes_from("s3cret"),
                ElementsAre(AllOf(HasSubstr("cannot be opened"), Not(HasSubstr("s3cret")))));
}
