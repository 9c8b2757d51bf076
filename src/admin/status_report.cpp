#include "reverse_proxy/admin/status_report.hpp"

#include "reverse_proxy/config/command_line.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <string_view>

namespace reverse_proxy::admin {

using Json = nlohmann::ordered_json;

namespace {

using Point = telemetry::TrafficHistory::Point;
using telemetry::EndpointView;

constexpr std::array<std::string_view, 3> kBreakers{"closed", "half_open", "open"};

/// To a microsecond: more digits make the answer longer and tell nothing. NaN becomes null.
Json rounded(double value) {
    return std::isnan(value) ? Json{} : Json(std::round(value * 1e6) / 1e6);
}

Json unix_seconds(std::chrono::system_clock::time_point time) {
    auto const whole = std::chrono::round<std::chrono::milliseconds>(time.time_since_epoch());
    return std::chrono::duration<double>{whole}.count();
}

double rate(std::uint64_t count, telemetry::Traffic const& traffic) {
    return traffic.seconds > 0 ? static_cast<double>(count) / traffic.seconds : 0;
}

Json totals(telemetry::Traffic const& traffic) {
    return {{"seconds", rounded(traffic.seconds)},
            {"requests", traffic.requests},
            {"requests_per_second", rounded(rate(traffic.requests, traffic))},
            {"client_errors", traffic.client_errors},
            {"server_errors", traffic.server_errors},
            {"p50_seconds", rounded(traffic.p50)},
            {"p90_seconds", rounded(traffic.p90)},
            {"p99_seconds", rounded(traffic.p99)}};
}

/// One column: a figure of each point.
template <typename Read> Json column(std::vector<Point> const& points, Read read) {
    Json values = Json::array();
    for (Point const& point : points)
        values.push_back(read(point));
    return values;
}

Json series(std::vector<Point> const& points) {
    auto const rates = [&](std::uint64_t telemetry::Traffic::*count) {
        return column(points, [count](Point const& point) {
            return rounded(rate(point.traffic.*count, point.traffic));
        });
    };
    auto const latencies = [&](double telemetry::Traffic::*quantile) {
        return column(points,
                      [quantile](Point const& point) { return rounded(point.traffic.*quantile); });
    };
    return {{"seconds_ago",
             column(points, [](Point const& point) { return rounded(point.seconds_ago); })},
            {"requests_per_second", rates(&telemetry::Traffic::requests)},
            {"client_errors_per_second", rates(&telemetry::Traffic::client_errors)},
            {"server_errors_per_second", rates(&telemetry::Traffic::server_errors)},
            {"p50_seconds", latencies(&telemetry::Traffic::p50)},
            {"p90_seconds", latencies(&telemetry::Traffic::p90)},
            {"p99_seconds", latencies(&telemetry::Traffic::p99)},
            {"in_flight", column(points, [](Point const& point) { return point.in_flight; })}};
}

Json endpoints(StatusReport const& report) {
    auto const& traffic = report.traffic.endpoints;
    auto const all = std::accumulate(
        traffic.begin(), traffic.end(), std::uint64_t{0},
        [](std::uint64_t sum, auto const& endpoint) { return sum + endpoint.attempts; });
    Json list = Json::array();
    for (EndpointView const& endpoint : report.process.endpoints) {
        auto const found = std::find_if(traffic.begin(), traffic.end(), [&](auto const& row) {
            return row.label == endpoint.label;
        });
        // One that the history has not seen yet.
        auto const row = found != traffic.end() ? *found : telemetry::EndpointTraffic{};
        double const share = static_cast<double>(row.attempts) /
                             static_cast<double>(std::max<std::uint64_t>(all, 1));
        list.push_back({{"endpoint", endpoint.label},
                        {"healthy", endpoint.healthy},
                        {"breaker", kBreakers.at(endpoint.breaker_state)},
                        {"eligible", endpoint.eligible},
                        {"share", rounded(share)},
                        {"attempts", row.attempts},
                        {"failed", row.failed},
                        {"stale", row.stale},
                        {"retries", row.retries},
                        {"mean_seconds", rounded(row.mean)},
                        {"p99_seconds", rounded(row.p99)}});
    }
    return list;
}

Json transitions(std::vector<telemetry::Transitions::Dated> const& latest) {
    Json list = Json::array();
    for (auto const& [at, transition] : latest) {
        bool const health = transition.of == telemetry::Transition::Of::health;
        list.push_back({{"time", unix_seconds(at)},
                        {"of", health ? "health" : "breaker"},
                        {"endpoint", transition.endpoint},
                        {"from", transition.from},
                        {"to", transition.to},
                        {"why", transition.why}});
    }
    return list;
}

/// As /readyz has it.
std::string_view state(telemetry::ProcessView const& process) {
    if (process.draining) return "draining";
    bool const any = std::any_of(process.endpoints.begin(), process.endpoints.end(),
                                 [](EndpointView const& endpoint) { return endpoint.eligible; });
    return any ? "ready" : "no_upstream";
}

}  // namespace

std::string status_json(StatusReport const& report) {
    telemetry::ProcessView const& process = report.process;
    Json const json{
        {"version", config::version()},
        {"time", unix_seconds(report.now)},
        {"uptime_seconds", rounded(report.uptime.count())},
        {"state", state(process)},
        {"fail_open", process.fail_open},
        {"in_flight", {{"now", process.in_flight}, {"limit", process.in_flight_limit}}},
        {"last_minute", totals(report.traffic.last_minute)},
        {"history",
         {{"totals", totals(report.traffic.whole)}, {"series", series(report.traffic.points)}}},
        {"endpoints", endpoints(report)},
        {"transitions", transitions(report.transitions)}};
    return json.dump(-1, ' ', true, Json::error_handler_t::replace);
}

}  // namespace reverse_proxy::admin
