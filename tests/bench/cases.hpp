#pragma once

#include <functional>
#include <string>
#include <vector>

namespace reverse_proxy::bench {

/// One thing that is measured, by time (Google Benchmark) and by instructions (callgrind) alike.
struct Case {
    std::string name;
    std::function<void()> run;  // once; owns all that it works on
};

std::vector<Case> http_cases();
std::vector<Case> telemetry_cases();
std::vector<Case> balancing_cases();

/// By time only: the atomics that workers share, touched by 1, 2 and 8 of them at once.
void register_shared_state();

}  // namespace reverse_proxy::bench
