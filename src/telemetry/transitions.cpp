#include "reverse_proxy/telemetry/transitions.hpp"

#include <algorithm>
#include <utility>

namespace reverse_proxy::telemetry {

void Transitions::report(LogLevel level, Transition transition) {
    log(level,
        transition.of == Transition::Of::health ? "endpoint health changed" : "breaker changed",
        {{"endpoint", transition.endpoint},
         {"from", std::string{transition.from}},
         {"to", std::string{transition.to}},
         {"why", transition.why}});
    Dated dated{std::chrono::system_clock::now(), std::move(transition)};
    std::lock_guard const lock{mutex_};
    std::swap(ring_[reported_++ % kKept], dated);
}

std::vector<Transitions::Dated> Transitions::latest() const {
    std::lock_guard const lock{mutex_};
    std::size_t const kept = std::min(reported_, kKept);
    std::vector<Dated> list;
    list.reserve(kept);
    for (std::size_t age = 1; age <= kept; ++age)
        list.push_back(ring_[(reported_ - age) % kKept]);
    return list;
}

}  // namespace reverse_proxy::telemetry
