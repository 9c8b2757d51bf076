#include "config/addresses.hpp"
#include "config/settings_table.hpp"
#include "reverse_proxy/config/settings_report.hpp"
#include "tests/support/os.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

using namespace reverse_proxy::config;
using reverse_proxy::test_support::os::is_windows;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(SettingsReport, JsonIsOneFlatObjectWithEverySetting) {
    auto const json = nlohmann::json::parse(settings_json(Settings{}));
    ASSERT_TRUE(json.is_object());
    EXPECT_EQ(json.size(), settings_table().size());
    EXPECT_EQ(json["REVERSE_PROXY_LISTEN"], "0.0.0.0:8000");
    EXPECT_EQ(json["REVERSE_PROXY_ADMIN_LISTEN"], "");
    EXPECT_EQ(json["REVERSE_PROXY_CONNECT_TIMEOUT_MS"], 2000);
    EXPECT_TRUE(json["REVERSE_PROXY_CONNECT_TIMEOUT_MS"].is_number_integer());
    EXPECT_EQ(json["REVERSE_PROXY_CIRCUIT_BREAKER"], true);
    EXPECT_EQ(json["REVERSE_PROXY_METRICS_BEARER_TOKEN"], "");
    EXPECT_FALSE(json.contains("REVERSE_PROXY_METRICS_BEARER_TOKEN_FILE"));
}

TEST(SettingsReport, JsonJoinsListsAndHidesSecrets) {
    if (is_windows()) GTEST_SKIP() << "no unix sockets";
    Settings settings;
    settings.listener.listen = {std::get<ListenAddress>(parse_listen_address("[::1]:1")),
                                std::get<ListenAddress>(parse_listen_address("unix:/\xff"))};
    settings.upstream.upstreams = {
        std::get<UpstreamUrl>(parse_upstream_url("http://a:81/x/")),
        std::get<UpstreamUrl>(parse_upstream_url("HTTP://b")),
    };
    settings.telemetry.metrics_bearer_token = "s3cret";
    auto const text = settings_json(settings);
    auto const json = nlohmann::json::parse(text);
    EXPECT_EQ(json["REVERSE_PROXY_UPSTREAMS"], "http://a:81/x,http://b");
    EXPECT_EQ(json["REVERSE_PROXY_LISTEN"], "[::1]:1,unix:/\xef\xbf\xbd");
    EXPECT_EQ(json["REVERSE_PROXY_METRICS_BEARER_TOKEN"], "***");
    EXPECT_EQ(text.find("s3cret"), std::string::npos);
}

TEST(SettingsReport, NamesWhatIsNotDefault) {
    Settings settings;
    EXPECT_THAT(changed_settings(settings), IsEmpty());
    settings.listener.workers = 2;
    settings.telemetry.metrics_bearer_token = "s3cret";
    settings.client.trust_unix_peers = true;
    EXPECT_THAT(changed_settings(settings),
                ElementsAre("REVERSE_PROXY_WORKERS", "REVERSE_PROXY_TRUSTED_PROXIES",
                            "REVERSE_PROXY_METRICS_BEARER_TOKEN"));
}
