#include "config/addresses.hpp"
#include "config/validate.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace reverse_proxy::config;
using reverse_proxy::test_support::os::is_windows;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

namespace {

ListenAddress listen(std::string_view text) {
    return std::get<ListenAddress>(parse_listen_address(text));
}

UpstreamUrl upstream(std::string_view text) {
    return std::get<UpstreamUrl>(parse_upstream_url(text));
}

}  // namespace

TEST(Validate, DefaultsHaveNoConflict) {
    EXPECT_THAT(validate(Settings{}), IsEmpty());
}

TEST(Validate, AnAddressIsListenedOnOnce) {
    if (is_windows()) GTEST_SKIP() << "no unix sockets";
    Settings settings;
    settings.listener.listen = {listen("127.0.0.1:80"), listen("[::1]:80"), listen("unix:/a"),
                                listen("127.0.0.1:81")};
    settings.listener.admin_listen = {listen("127.0.0.2:80"), listen("unix:/b")};
    EXPECT_THAT(validate(settings), IsEmpty());

    settings.listener.listen.push_back(listen("[0:0::1]:80"));
    settings.listener.admin_listen.push_back(listen("unix:/a"));
    auto const conflicts = validate(settings);
    ASSERT_THAT(conflicts, SizeIs(2));
    EXPECT_THAT(conflicts[0].names, ElementsAre("LISTEN"));
    EXPECT_THAT(conflicts[0].what, HasSubstr("[::1]:80"));
    EXPECT_THAT(conflicts[1].names, ElementsAre("ADMIN_LISTEN", "LISTEN"));
    EXPECT_THAT(conflicts[1].what, HasSubstr("unix:/a"));
}

TEST(Validate, PortZeroIsADifferentPortEachTime) {
    Settings settings;
    settings.listener.listen = {listen("127.0.0.1:0"), listen("127.0.0.1:0")};
    settings.listener.admin_listen = {listen("127.0.0.1:0")};
    EXPECT_THAT(validate(settings), IsEmpty());
}

TEST(Validate, AnUpstreamIsListedOnce) {
    Settings settings;
    settings.upstream.upstreams = {upstream("http://origin"), upstream("http://origin:81"),
                                   upstream("http://origin/a"), upstream("http://other")};
    EXPECT_THAT(validate(settings), IsEmpty());
    settings.upstream.upstreams.push_back(upstream("HTTP://ORIGIN:80/"));
    auto const conflicts = validate(settings);
    ASSERT_THAT(conflicts, SizeIs(1));
    EXPECT_THAT(conflicts[0].names, ElementsAre("UPSTREAMS"));
    EXPECT_THAT(conflicts[0].what, HasSubstr("\"http://origin\""));
}

TEST(Validate, ATokenFitsIntoARequestHead) {
    Settings settings;
    settings.client.max_header_bytes = 1024;
    settings.telemetry.metrics_bearer_token = std::string(968, 'x');
    EXPECT_THAT(validate(settings), IsEmpty());
    settings.telemetry.metrics_bearer_token += 'x';
    auto const conflicts = validate(settings);
    ASSERT_THAT(conflicts, SizeIs(1));
    EXPECT_THAT(conflicts[0].names, ElementsAre("METRICS_BEARER_TOKEN", "MAX_HEADER_BYTES"));
    EXPECT_THAT(conflicts[0].what, testing::Not(HasSubstr("xx")));
}

TEST(Validate, SettingsWithoutEffectAreNoMistake) {
    Settings settings;
    settings.retry.backoff_base = milliseconds{1000};
    settings.retry.backoff_max = milliseconds{0};
    settings.upstream.attempt_timeout = settings.upstream.request_timeout * 2;
    settings.health.timeout = settings.health.interval * 2;
    settings.client.max_body_bytes = 1;
    EXPECT_THAT(validate(settings), IsEmpty());
}
