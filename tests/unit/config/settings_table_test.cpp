#include "config/settings_table.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

using namespace reverse_proxy::config;
using testing::IsEmpty;

namespace {

std::string rest_of(std::string name) {
    return name.substr(kPrefix.size());
}

/// The default as a user would write it; the table must not drift from what users were promised.
std::map<std::string, std::string> const kPromised{
    {"LISTEN", "0.0.0.0:8000"},
    {"ADMIN_LISTEN", ""},
    {"WORKERS", "0"},
    {"UPSTREAMS", ""},
    {"CONNECT_TIMEOUT_MS", "2000"},
    {"REQUEST_TIMEOUT_MS", "30000"},
    {"ATTEMPT_TIMEOUT_MS", "0"},
    {"STREAM_IDLE_TIMEOUT_MS", "30000"},
    {"TUNNEL_IDLE_TIMEOUT_MS", "3600000"},
    {"CLIENT_HEADER_TIMEOUT_MS", "10000"},
    {"CLIENT_IDLE_TIMEOUT_MS", "60000"},
    {"UPSTREAM_IDLE_TIMEOUT_MS", "4000"},
    {"UPSTREAM_MAX_IDLE", "1024"},
    {"MAX_IN_FLIGHT", "1024"},
    {"MAX_CONNECTIONS", "10000"},
    {"MAX_HEADER_BYTES", "32768"},
    {"MAX_HEADER_COUNT", "128"},
    {"UPSTREAM_MAX_HEADER_BYTES", "65536"},
    {"MAX_BODY_BYTES", "0"},
    {"STREAM_LARGE_BODIES", "true"},
    {"STREAM_THRESHOLD_BYTES", "65536"},
    {"HEALTHCHECK", "false"},
    {"HEALTHCHECK_INTERVAL_SECS", "5"},
    {"HEALTHCHECK_PATH", "/"},
    {"HEALTHCHECK_TIMEOUT_MS", "2000"},
    {"HEALTHCHECK_HEALTHY_THRESHOLD", "2"},
    {"HEALTHCHECK_UNHEALTHY_THRESHOLD", "2"},
    {"FAIL_OPEN", "false"},
    {"CIRCUIT_BREAKER", "true"},
    {"CIRCUIT_BREAKER_FAILURE_THRESHOLD", "5"},
    {"CIRCUIT_BREAKER_OPEN_MS", "10000"},
    {"RETRY_MAX_ATTEMPTS", "3"},
    {"RETRY_BACKOFF_BASE_MS", "25"},
    {"RETRY_BACKOFF_MAX_MS", "250"},
    {"RETRY_BUDGET_PERCENT", "20"},
    {"SHUTDOWN_GRACE_SECONDS", "30"},
    {"SHUTDOWN_DELAY_SECONDS", "0"},
    {"TRUSTED_PROXIES", ""},
    {"METRICS_BEARER_TOKEN", ""},
    {"STATUS_PAGE", "false"},
    {"EXPOSE_DEBUG_HEADERS", "false"},
    {"LOG_LEVEL", "info"},
    {"LOG_FORMAT", "text"},
    {"ACCESS_LOG", "true"},
    {"ACCESS_LOG_QUERY", "false"},
    {"OTLP_ENDPOINT", ""},
    {"OTLP_HEADERS", ""},
    {"TRACE_SAMPLE_PERCENT", "100"},
};

}  // namespace

TEST(SettingsTable, HoldsEverySettingOnceWithItsDefault) {
    std::map<std::string, std::string> table;
    for (auto const& setting : settings_table())
        EXPECT_TRUE(table.emplace(setting.name, text_of(setting.value(Settings{}))).second)
            << setting.name;
    EXPECT_EQ(table, kPromised);
}

TEST(SettingsTable, RowsAreComplete) {
    std::set<std::string_view> finished_groups;
    std::string_view group;
    for (auto const& setting : settings_table()) {
        EXPECT_EQ(rest_of(setting.full_name()), setting.name);
        EXPECT_NE(setting.read, nullptr);
        EXPECT_FALSE(setting.allowed().empty()) << setting.name;
        EXPECT_TRUE(setting.help.ends_with('.')) << setting.name;
        if (setting.group != group) {
            EXPECT_TRUE(finished_groups.insert(group).second) << setting.group;
            group = setting.group;
        }
        EXPECT_FALSE(finished_groups.contains(group)) << setting.name;
    }
}

TEST(SettingsTable, NamesEndInTheUnit) {
    std::map<std::string_view, std::string_view> const units{
        {"_MS", "ms"}, {"_SECS", "s"}, {"_SECONDS", "s"}, {"_BYTES", "bytes"}, {"_PERCENT", "%"}};
    for (auto const& setting : settings_table()) {
        std::string_view expected;
        for (auto const& [suffix, unit] : units) {
            if (setting.name.ends_with(suffix)) expected = unit;
        }
        EXPECT_EQ(setting.unit, expected) << setting.name;
    }
}

TEST(SettingsTable, NumbersReachBothBoundsAndNoFurther) {
    for (auto const& setting : settings_table()) {
        if (setting.kind != Kind::number) continue;
        Settings settings;
        auto const initial = std::get<std::uint64_t>(setting.value(settings));
        EXPECT_GE(initial, setting.min) << setting.name;
        EXPECT_LE(initial, setting.max) << setting.name;
        for (auto const bound : {setting.min, setting.max}) {
            EXPECT_THAT(setting.read(setting, ' ' + std::to_string(bound) + '\t', settings),
                        IsEmpty());
            EXPECT_EQ(std::get<std::uint64_t>(setting.value(settings)), bound) << setting.name;
        }
        EXPECT_EQ(setting.read(setting, std::to_string(setting.max + 1), settings).size(), 1U)
            << setting.name;
        if (setting.min > 0) {
            EXPECT_EQ(setting.read(setting, std::to_string(setting.min - 1), settings).size(), 1U)
                << setting.name;
        }
        EXPECT_EQ(std::get<std::uint64_t>(setting.value(settings)), setting.max) << setting.name;
    }
}

TEST(SettingsTable, EachRowWritesToAMemberOfItsOwn) {
    for (auto const& setting : settings_table()) {
        std::string text = "/probe";
        if (setting.kind == Kind::number) {
            bool const most = std::get<std::uint64_t>(setting.value(Settings{})) == setting.max;
            text = std::to_string(most ? setting.min : setting.max);
        }
        if (setting.kind == Kind::boolean)
            text = std::get<bool>(setting.value(Settings{})) ? "off" : "on";
        if (setting.kind == Kind::secret) text = "token";
        if (setting.kind == Kind::list) text = "127.0.0.1:1";
        if (setting.name == "UPSTREAMS") text = "http://origin";
        if (setting.name == "OTLP_ENDPOINT") text = "http://collector";
        if (setting.name == "OTLP_HEADERS") text = "x-api-key=1";
        if (setting.name == "TRUSTED_PROXIES") text = "unix:";
        if (setting.name == "LOG_LEVEL") text = "ERROR";
        if (setting.name == "LOG_FORMAT") text = "Json";
        Settings settings;
        ASSERT_THAT(setting.read(setting, text, settings), IsEmpty()) << setting.name;
        for (auto const& other : settings_table())
            EXPECT_EQ(other.value(settings) != other.value(Settings{}), other.name == setting.name)
                << setting.name << " changes or leaves " << other.name;
    }
}

TEST(SettingsTable, TrustedProxiesMixNetworksAndUnixPeers) {
    Settings settings;
    for (auto const& setting : settings_table()) {
        if (setting.name != "TRUSTED_PROXIES") continue;
        EXPECT_THAT(setting.read(setting, "unix:, 10.0.0.0/8 ,::1", settings), IsEmpty());
        EXPECT_EQ(text_of(setting.value(settings)), "10.0.0.0/8,::1,unix:");
        EXPECT_TRUE(settings.client.trust_unix_peers);
        EXPECT_EQ(setting.read(setting, "10.0.0.0/8,localhost,10/8", settings).size(), 2U);
        EXPECT_EQ(text_of(setting.value(settings)), "10.0.0.0/8,::1,unix:");
        EXPECT_THAT(setting.read(setting, "10.0.0.0/8", settings), IsEmpty());
        EXPECT_FALSE(settings.client.trust_unix_peers);
    }
}
