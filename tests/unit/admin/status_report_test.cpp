#include "reverse_proxy/admin/status_report.hpp"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <fstream>
#include <set>
#include <string>

using namespace reverse_proxy;
using namespace reverse_proxy::admin;
using namespace std::chrono_literals;
using nlohmann::json;
using telemetry::Transition;

namespace {

telemetry::EndpointView endpoint(std::string label, bool healthy, unsigned breaker_state) {
    telemetry::EndpointView view;
    view.label = std::move(label);
    view.healthy = healthy;
    view.breaker_state = breaker_state;
    view.eligible = healthy && breaker_state != 2;
    return view;
}

StatusReport example() {
    StatusReport report;
    report.now = std::chrono::system_clock::time_point{1'700'000'000'123ms};
    report.uptime = 90.5s;
    report.process.in_flight = 3;
    report.process.in_flight_limit = 1024;
    report.process.endpoints = {endpoint("a:80", true, 0), endpoint("b:80", false, 2)};
    report.traffic.whole = {.seconds = 4,
                            .requests = 10,
                            .client_errors = 2,
                            .server_errors = 1,
                            .p50 = 0.0123456789,
                            .p90 = 0.5,
                            .p99 = 1};
    report.traffic.last_minute = report.traffic.whole;
    report.traffic.points = {{2.5, 4, {.seconds = 2, .requests = 10, .p50 = 0.25}}, {0.5, 0, {}}};
    report.traffic.endpoints = {
        {.label = "a:80", .attempts = 9, .stale = 1, .retries = 2, .mean = 0.02, .p99 = 0.024},
        {.label = "b:80", .attempts = 3, .failed = 3}};
    report.transitions = {
        {report.now - 1s, {Transition::Of::breaker, "b:80", "closed", "open", "failed attempts"}},
        {report.now - 2s, {Transition::Of::health, "b:80", "healthy", "unhealthy", "status 500"}}};
    return report;
}

json shown(StatusReport const& report) {
    return json::parse(status_json(report));
}

/// `endpoints.share` for {"endpoints":[{"share":...}]}: the names of all that is no object itself.
void collect(json const& value, std::string const& name, std::set<std::string>& names) {
    if (value.is_object()) {
        for (auto const& [key, inner] : value.items())
            collect(inner, name.empty() ? key : name + "." + key, names);
    } else if (value.is_array() && !value.empty() && value.front().is_object()) {
        for (json const& inner : value)
            collect(inner, name, names);
    } else {
        names.insert(name);
    }
}

}  // namespace

TEST(StatusReport, IsWhatTheDocumentSays) {
    std::ifstream file{STATUS_DOC};
    ASSERT_TRUE(file) << STATUS_DOC;
    std::set<std::string> documented;
    for (std::string line; std::getline(file, line);) {
        // A row of the table of keys: | `name` | meaning |
        if (!line.starts_with("| `")) continue;
        documented.insert(line.substr(3, line.find('`', 3) - 3));
    }
    std::set<std::string> names;
    collect(shown(example()), "", names);
    EXPECT_EQ(documented, names);
}

TEST(StatusReport, TellsOfTheProcess) {
    json const now = shown(example());
    EXPECT_EQ(now.at("time"), 1'700'000'000.123);
    EXPECT_EQ(now.at("uptime_seconds"), 90.5);
    EXPECT_EQ(now.at("in_flight"), (json{{"now", 3}, {"limit", 1024}}));
    EXPECT_EQ(now.at("fail_open"), false);
    EXPECT_FALSE(now.at("version").get<std::string>().empty());
}

TEST(StatusReport, StateIsThatOfReadyz) {
    StatusReport report = example();
    EXPECT_EQ(shown(report).at("state"), "ready");
    report.process.endpoints = {endpoint("b:80", false, 0)};
    EXPECT_EQ(shown(report).at("state"), "no_upstream");
    report.process.endpoints.front().eligible = true;  // it fails open
    EXPECT_EQ(shown(report).at("state"), "ready");
    report.process.draining = true;
    EXPECT_EQ(shown(report).at("state"), "draining");
    report.process = {};
    EXPECT_EQ(shown(report).at("state"), "no_upstream");
}

TEST(StatusReport, TellsOfTraffic) {
    json const now = shown(example());
    EXPECT_EQ(now.at("last_minute"), (json{{"seconds", 4.0},
                                           {"requests", 10},
                                           {"requests_per_second", 2.5},
                                           {"client_errors", 2},
                                           {"server_errors", 1},
                                           {"p50_seconds", 0.012346},
                                           {"p90_seconds", 0.5},
                                           {"p99_seconds", 1.0}}));
    EXPECT_EQ(now.at("history").at("totals"), now.at("last_minute"));
    json const& series = now.at("history").at("series");
    EXPECT_EQ(series.at("seconds_ago"), (json{2.5, 0.5}));
    EXPECT_EQ(series.at("requests_per_second"), (json{5.0, 0.0})) << "a step without length is 0";
    EXPECT_EQ(series.at("p50_seconds"), (json{0.25, nullptr})) << "null where nothing was timed";
    EXPECT_EQ(series.at("in_flight"), (json{4, 0}));
}

TEST(StatusReport, TellsOfEachEndpoint) {
    StatusReport report = example();
    report.process.endpoints.push_back(endpoint("new:80", true, 1));
    json const list = shown(report).at("endpoints");
    ASSERT_EQ(list.size(), 3U);
    EXPECT_EQ(list[0], (json{{"endpoint", "a:80"},
                             {"healthy", true},
                             {"breaker", "closed"},
                             {"eligible", true},
                             {"share", 0.75},
                             {"attempts", 9},
                             {"failed", 0},
                             {"stale", 1},
                             {"retries", 2},
                             {"mean_seconds", 0.02},
                             {"p99_seconds", 0.024}}));
    EXPECT_EQ(list[1].at("breaker"), "open");
    EXPECT_EQ(list[1].at("healthy"), false);
    EXPECT_EQ(list[1].at("eligible"), false);
    EXPECT_EQ(list[1].at("share"), 0.25);
    EXPECT_EQ(list[1].at("mean_seconds"), nullptr);
    EXPECT_EQ(list[2].at("breaker"), "half_open") << "one that the history has not seen yet";
    EXPECT_EQ(list[2].at("eligible"), true);
    EXPECT_EQ(list[2].at("attempts"), 0);
}

TEST(StatusReport, TellsOfTransitions) {
    json const list = shown(example()).at("transitions");
    ASSERT_EQ(list.size(), 2U);
    EXPECT_EQ(list[0], (json{{"time", 1'699'999'999.123},
                             {"of", "breaker"},
                             {"endpoint", "b:80"},
                             {"from", "closed"},
                             {"to", "open"},
                             {"why", "failed attempts"}}));
    EXPECT_EQ(list[1].at("of"), "health");
}

TEST(StatusReport, BytesThatAreNoTextDoNotBreakIt) {
    StatusReport report = example();
    report.process.endpoints[0].label = "\xff</script>\"\n";
    EXPECT_EQ(shown(report).at("endpoints").size(), 2U);
}
