#pragma once

// What became of the endpoints lately; the status page shows it.

#include "reverse_proxy/telemetry/log.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::telemetry {

/// A change of an endpoint's health or of its breaker's state.
struct Transition {
    enum class Of : std::uint8_t { health, breaker };

    Of of{Of::health};
    std::string endpoint;   // its label
    std::string_view from;  // a literal: healthy, unhealthy; closed, half_open, open
    std::string_view to;
    std::string why;
};

/// Logs every transition, one line each, and keeps the latest. Any thread.
///
/// Behind a mutex: a transition is rare, on no request's usual path, and whoever holds it only
/// moves a few strings.
class Transitions {
public:
    static constexpr std::size_t kKept = 50;

    struct Dated {
        std::chrono::system_clock::time_point at;
        Transition transition;
    };

    void report(LogLevel level, Transition transition);
    /// The last kKept ones, the latest first.
    [[nodiscard]] std::vector<Dated> latest() const;

private:
    mutable std::mutex mutex_;
    std::array<Dated, kKept> ring_;
    std::size_t reported_{0};
};

}  // namespace reverse_proxy::telemetry
