// Every case by time, or under callgrind by instructions:
//
//   micro_benchmarks [arguments of Google Benchmark]
//   valgrind --tool=callgrind --callgrind-out-file=FILE micro_benchmarks --instructions
//
// The second form leaves one dump for each case (FILE.1, ...), named by the case, with the cost of
// kCountedRuns runs. scripts/bench/instructions.py reads them.

#include "tests/bench/cases.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <string_view>
#include <valgrind/callgrind.h>

namespace {

using reverse_proxy::bench::Case;

constexpr int kCountedRuns = 2000;
constexpr int kWarmUpRuns = 2000;  // grows every table; meets every label set

std::vector<Case> all_cases() {
    using namespace reverse_proxy::bench;
    std::vector<Case> cases = http_cases();
    for (auto const& more : {telemetry_cases(), balancing_cases()})
        cases.insert(cases.end(), more.begin(), more.end());
    return cases;
}

void count_instructions(Case const& measured) {
    for (int i = 0; i < kWarmUpRuns; ++i)
        measured.run();
    CALLGRIND_ZERO_STATS;
    for (int i = 0; i < kCountedRuns; ++i)
        measured.run();
    CALLGRIND_DUMP_STATS_AT(measured.name.c_str());
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<Case> const cases = all_cases();
    if (argc == 2 && std::string_view{argv[1]} == "--instructions") {
        for (Case const& measured : cases)
            count_instructions(measured);
        std::printf("%d\n", kCountedRuns);
        return 0;
    }
    for (Case const& measured : cases) {
        benchmark::RegisterBenchmark(measured.name.c_str(),
                                     [&run = measured.run](benchmark::State& state) {
                                         for ([[maybe_unused]] auto iteration : state)
                                             run();
                                     });
    }
    reverse_proxy::bench::register_shared_state();
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
