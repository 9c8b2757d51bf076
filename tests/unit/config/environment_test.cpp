#include "reverse_proxy/config/environment.hpp"
#include "reverse_proxy/config/settings_report.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace reverse_proxy::config;
using reverse_proxy::test_support::os::is_windows;
using testing::AllOf;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;
using testing::StartsWith;

namespace {

std::pair<std::string, std::string> const kOneUpstream{"REVERSE_PROXY_UPSTREAMS", "http://origin"};

/// What is wrong with this environment; an upstream is set beside it.
Mistakes mistakes_of(Environment environment) {
    environment.push_back(kOneUpstream);
    auto read = read_environment(environment, true);
    return std::holds_alternative<Mistakes>(read) ? std::get<Mistakes>(read) : Mistakes{};
}

Settings settings_of(Environment environment) {
    environment.push_back(kOneUpstream);
    auto read = read_environment(environment, true);
    if (auto const* mistakes = std::get_if<Mistakes>(&read)) {
        ADD_FAILURE() << testing::PrintToString(*mistakes);
        return {};
    }
    return std::get<Settings>(read);
}

}  // namespace

TEST(Environment, AnEmptyOneGivesTheDefaults) {
    auto const read = read_environment({}, false);
    ASSERT_TRUE(std::holds_alternative<Settings>(read));
    EXPECT_THAT(changed_settings(std::get<Settings>(read)), IsEmpty());
}

TEST(Environment, UpstreamsAreRequiredUnlessTheDemoBringsThem) {
    std::string const line = "REVERSE_PROXY_UPSTREAMS: is required, given nothing, allowed: "
                             "http://host:port[/prefix]";
    EXPECT_THAT(std::get<Mistakes>(read_environment({}, true)), ElementsAre(line));
    EXPECT_THAT(std::get<Mistakes>(read_environment({{"REVERSE_PROXY_UPSTREAMS", ""}}, true)),
                ElementsAre(line));
    EXPECT_TRUE(std::holds_alternative<Settings>(read_environment({kOneUpstream}, true)));
}

TEST(Environment, ReadsValuesOfEachKind) {
    if (is_windows()) GTEST_SKIP() << "no unix sockets";
    auto const settings = settings_of({
        {"REVERSE_PROXY_LISTEN", "127.0.0.1:1, [::1]:2,unix:/run/x"},
        {"REVERSE_PROXY_CONNECT_TIMEOUT_MS", " 7 "},
        {"REVERSE_PROXY_SHUTDOWN_GRACE_SECONDS", "0"},
        {"REVERSE_PROXY_HEALTHCHECK", "Yes"},
        {"REVERSE_PROXY_HEALTHCHECK_PATH", "/health?full=1"},
        {"REVERSE_PROXY_TRUSTED_PROXIES", "127.0.0.1/32"},
        {"REVERSE_PROXY_METRICS_BEARER_TOKEN", "s3cret~/+="},
        {"REVERSE_PROXY_LOG_LEVEL", "Debug"},
    });
    ASSERT_THAT(settings.listener.listen, SizeIs(3));
    EXPECT_EQ(settings.listener.listen[1].host, "::1");
    EXPECT_EQ(settings.upstream.connect_timeout, milliseconds{7});
    EXPECT_EQ(settings.shutdown.grace, seconds{0});
    EXPECT_TRUE(settings.health.enabled);
    EXPECT_EQ(settings.health.path, "/health?full=1");
    EXPECT_THAT(settings.client.trusted_proxies, SizeIs(1));
    EXPECT_EQ(settings.telemetry.metrics_bearer_token, "s3cret~/+=");
    EXPECT_EQ(settings.telemetry.log_level, "debug");
}

TEST(Environment, EmptyMeansUnsetAndTheFirstOfAPairCounts) {
    auto const settings = settings_of({
        {"REVERSE_PROXY_WORKERS", ""},
        {"REVERSE_PROXY_MAX_IN_FLIGHT", "2"},
        {"REVERSE_PROXY_MAX_IN_FLIGHT", "3"},
        {"REVERSE_PROXY_NO_SUCH_NAME", ""},
        {"PATH", "/bin"},
        {"REVERSE_PROXYLISTEN", "x"},
    });
    EXPECT_EQ(settings.listener.workers, 0U);
    EXPECT_EQ(settings.client.max_in_flight, 2U);
}

TEST(Environment, ListsEveryMistakeInOneRun) {
    if (is_windows()) GTEST_SKIP() << "no unix sockets";
    auto const read = read_environment(
        {
            {"REVERSE_PROXY_ACCESS_LOG", "maybe"},
            {"REVERSE_PROXY_WORKERS", "-1"},
            {"REVERSE_PROXY_LISTEN", "8000,:80,unix:x"},
            {"REVERSE_PROXY_RETRY_BUDGET_PERCENT", "101"},
            {"REVERSE_PROXY_MAX_HEADER_BYTES", "1023"},
            {"REVERSE_PROXY_LOG_LEVEL", "loud"},
            {"REVERSE_PROXY_HEALTHCHECK_PATH", "health"},
            {"REVERSE_PROXY_CONNECT_TIMEOUT", "5"},
        },
        true);
    EXPECT_THAT(
        std::get<Mistakes>(read),
        ElementsAre(
            R"(REVERSE_PROXY_LISTEN: has no port, given "8000", allowed: host:port, [v6]:port or unix:/path)",
            R"(REVERSE_PROXY_LISTEN: names a socket by no absolute path, given "unix:x", allowed: host:port, [v6]:port or unix:/path)",
            R"(REVERSE_PROXY_WORKERS: is not a whole number, given "-1", allowed: 0 to 1024)",
            "REVERSE_PROXY_UPSTREAMS: is required, given nothing, allowed: "
            "http://host:port[/prefix]",
            R"(REVERSE_PROXY_MAX_HEADER_BYTES: is too small, given "1023", allowed: 1024 to 1048576 bytes)",
            R"(REVERSE_PROXY_HEALTHCHECK_PATH: does not begin with /, given "health", allowed: a path that begins with /, with or without a query)",
            R"(REVERSE_PROXY_RETRY_BUDGET_PERCENT: is too large, given "101", allowed: 0 to 100 %)",
            R"(REVERSE_PROXY_LOG_LEVEL: is not a known word, given "loud", allowed: trace, debug, info, warn, error)",
            R"(REVERSE_PROXY_ACCESS_LOG: is not a boolean, given "maybe", allowed: true, false, 1, 0, yes, no, on or off)",
            "REVERSE_PROXY_CONNECT_TIMEOUT: is not a known setting, nearest is "
            "REVERSE_PROXY_CONNECT_TIMEOUT_MS, allowed: the names in --help"));
}

TEST(Environment, BlankValuesAreMistakes) {
    for (auto const name : {"WORKERS", "LISTEN", "ADMIN_LISTEN", "TRUSTED_PROXIES", "HEALTHCHECK",
                            "LOG_FORMAT", "HEALTHCHECK_PATH", "METRICS_BEARER_TOKEN"})
        EXPECT_THAT(mistakes_of({{std::string{"REVERSE_PROXY_"} + name, " "}}), SizeIs(1)) << name;
    EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_LISTEN", ","}}), ElementsAre(HasSubstr("nothing")));
}

TEST(Environment, ProbePathsAreTargetsInOriginForm) {
    for (auto const& path : {"/", "/health", "/a%20b?c=d", "//"})
        EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_HEALTHCHECK_PATH", path}}), IsEmpty()) << path;
    for (auto const& path :
         {std::string{"*"}, std::string{"http://origin/"}, std::string{"/a b"}, std::string{"/a#b"},
          std::string{"/\xc3\xa4"}, std::string{"/ HTTP/1.1\r\nX: y"}, std::string(8001, '/')})
        EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_HEALTHCHECK_PATH", path}}), SizeIs(1)) << path;
}

TEST(Environment, TheCollectorIsAUrlWithoutCredentials) {
    auto const read =
        read_environment({{"REVERSE_PROXY_OTLP_ENDPOINT", "http://[::1]:4318/x/y/"}}, false);
    auto const& traces = std::get<Settings>(read).traces;
    EXPECT_TRUE(traces.enabled());
    EXPECT_EQ(traces.otlp_endpoint.text(), "http://[::1]:4318/x/y");
    EXPECT_FALSE(Settings{}.traces.enabled());
    for (auto const* url : {"collector:4318", "https://collector:4318", "http://a:s3cr3t@b",
                            "http://collector?a=s3cr3t", "http://a,http://b", " "}) {
        auto const mistakes = mistakes_of({{"REVERSE_PROXY_OTLP_ENDPOINT", url}});
        ASSERT_THAT(mistakes, SizeIs(1)) << url;
        EXPECT_THAT(mistakes[0], EndsWith(", allowed: http://host:port[/path]"));
    }
    EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_OTLP_ENDPOINT", "http://a:s3cr3t@b"}}),
                ElementsAre(Not(HasSubstr("s3cr3t"))));
}

TEST(Environment, FieldsForTheCollectorAreDecodedAndNeverShown) {
    auto const read = read_environment(
        {{"REVERSE_PROXY_OTLP_HEADERS", "Authorization=Bearer%20a%2Cb, x-scope = c=d ,"}}, false);
    auto const& fields = std::get<Settings>(read).traces.otlp_headers;
    ASSERT_EQ(fields.size(), 2U);
    EXPECT_EQ(fields[0].name, "Authorization");
    EXPECT_EQ(fields[0].value, "Bearer a,b");
    EXPECT_EQ(fields[1].name, "x-scope");
    EXPECT_EQ(fields[1].value, "c=d");
    for (auto const* text :
         {"s3cr3t", "=s3cr3t", "a b=s3cr3t", "a=s3cr3t%0d%0a", "a=s3cr3t%4", "a=s3cr3t%zz",
          "a=s3cr3t\xff", "Content-Length=s3cr3t", ",", "a:b=s3cr3t"})
        EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_OTLP_HEADERS", text}}),
                    ElementsAre(AllOf(StartsWith("REVERSE_PROXY_OTLP_HEADERS: "),
                                      Not(HasSubstr("s3cr3t")))))
            << text;
}

TEST(Environment, UnknownNamesGetTheNearestKnownOne) {
    struct Case {
        std::string given;
        std::string nearest;
    };
    Case const cases[] = {
        {"UPSTREAM", "UPSTREAMS"},
        {"LISTENS", "LISTEN"},
        {"listen", "LISTEN"},
        {"LISTEN_FILE", "LISTEN"},
        {"HEALTH_CHECK", "HEALTHCHECK"},
        {"METRICS_BEARER_TOKENFILE", "METRICS_BEARER_TOKEN_FILE"},
        {"MAX_HEADERS_BYTE", "MAX_HEADER_BYTES"},
        {"RETRY_MAX_ATTEMPT", "RETRY_MAX_ATTEMPTS"},
        {"ACESS_LOG_QUERRY", "ACCESS_LOG_QUERY"},
    };
    for (auto const& c : cases)
        EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_" + c.given, "x"}}),
                    ElementsAre("REVERSE_PROXY_" + c.given +
                                ": is not a known setting, nearest is REVERSE_PROXY_" + c.nearest +
                                ", allowed: the names in --help"));
}

TEST(Environment, UnknownNamesAreEscapedAndCutAndTheirValuesNotShown) {
    auto const odd = mistakes_of({{"REVERSE_PROXY_A\nB", "s3cret"}});
    EXPECT_THAT(odd, ElementsAre(StartsWith(R"("REVERSE_PROXY_A\x0aB": is not a known)")));
    EXPECT_THAT(odd.front(), testing::Not(HasSubstr("s3cret")));
    auto const huge = mistakes_of({{"REVERSE_PROXY_" + std::string(100'000, 'X'), "x"}});
    EXPECT_THAT(huge, ElementsAre(HasSubstr("(100014 bytes): is not a known")));
    EXPECT_LT(huge.front().size(), 250U);
    EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_", "x"}}),
                ElementsAre(StartsWith("REVERSE_PROXY_: is not a known setting")));
}

TEST(Environment, ConflictsAreReported) {
    EXPECT_THAT(
        mistakes_of({{"REVERSE_PROXY_ADMIN_LISTEN", ":8000"}}),
        ElementsAre("REVERSE_PROXY_ADMIN_LISTEN: lists an address that REVERSE_PROXY_LISTEN has "
                    "too, given \"0.0.0.0:8000\", allowed: an address of its own"));
}

TEST(Environment, NoConflictIsReportedWithASettingThatCouldNotBeRead) {
    // ADMIN_LISTEN would clash with the default of LISTEN, which is not what was meant.
    EXPECT_THAT(mistakes_of({{"REVERSE_PROXY_LISTEN", "127.0.0.1"},
                             {"REVERSE_PROXY_ADMIN_LISTEN", ":8000"}}),
                ElementsAre(StartsWith("REVERSE_PROXY_LISTEN: has no port")));
}

TEST(Environment, ListsAreBounded) {
    std::string upstreams;
    for (int i = 0; i < 1024; ++i)
        upstreams += "http://origin" + std::to_string(i) + ",";
    EXPECT_TRUE(std::holds_alternative<Settings>(
        read_environment({{"REVERSE_PROXY_UPSTREAMS", upstreams}}, true)));
    upstreams += "http://origin1024";
    EXPECT_THAT(
        std::get<Mistakes>(read_environment({{"REVERSE_PROXY_UPSTREAMS", upstreams}}, true)),
        ElementsAre("REVERSE_PROXY_UPSTREAMS: lists more than 1024 entries, given 1025 entries, "
                    "allowed: http://host:port[/prefix]"));
}

TEST(Environment, TakesOnlyOurNamesFromTheProcess) {
    char const* const entries[] = {
        "PATH=/bin",          "REVERSE_PROXY_LISTEN=a=b", "REVERSE_PROXY_WORKERS=",
        "REVERSE_PROXY_NONE", "XREVERSE_PROXY_LISTEN=x",  nullptr};
    EXPECT_THAT(environment_of(entries), ElementsAre(testing::Pair("REVERSE_PROXY_LISTEN", "a=b"),
                                                     testing::Pair("REVERSE_PROXY_WORKERS", "")));
}
