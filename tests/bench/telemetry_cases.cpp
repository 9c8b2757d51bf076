#include "reverse_proxy/telemetry/metrics_shard.hpp"
#include "telemetry/path_label.hpp"
#include "tests/bench/cases.hpp"

#include <benchmark/benchmark.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

namespace reverse_proxy::bench {

namespace {

Case path_case(std::string name, std::string path) {
    return {"path_label/" + std::move(name), [path = std::move(path)] {
                telemetry::PathLabelBuffer buffer;
                auto label = telemetry::path_label(path, buffer);
                benchmark::DoNotOptimize(label);
            }};
}

/// Requests for as many paths as there are label sets, in turn.
struct Recorder {
    explicit Recorder(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            // Letters, as digits would become `:id`.
            std::string path = "/orders/";
            for (std::size_t rest = i + 1; rest != 0; rest /= 20)
                path += static_cast<char>('g' + rest % 20);
            paths.push_back(std::move(path));
        }
    }
    void record() {
        shard.request_finished(http::Method::get, paths[next], 200, std::chrono::milliseconds{3});
        if (++next == paths.size()) next = 0;
    }
    std::vector<std::string> paths;
    std::size_t next{0};
    telemetry::MetricsShard shard{std::make_shared<telemetry::LabelSets>()};
};

}  // namespace

std::vector<Case> telemetry_cases() {
    std::vector<Case> cases;
    cases.push_back(path_case("plain", "/index.html"));
    cases.push_back(path_case(
        "identifiers", "/api/v1/users/4711/orders/123e4567-e89b-12d3-a456-426614174000/items"));
    for (std::size_t const sets : {1U, 100U, 500U}) {
        cases.push_back({"request_finished/" + std::to_string(sets),
                         [state = std::make_shared<Recorder>(sets)] { state->record(); }});
    }
    return cases;
}

}  // namespace reverse_proxy::bench
