#pragma once

#include <cstdint>

namespace reverse_proxy::balancing {

/// Turns probe results into healthy/unhealthy by thresholds in a row (HAProxy's rise and fall).
/// Starts healthy. Plain class of the control thread.
class EndpointHealth {
public:
    EndpointHealth(unsigned healthy_threshold, unsigned unhealthy_threshold);
    /// One probe's result; true where the state changed.
    bool record(bool success);
    [[nodiscard]] bool healthy() const { return healthy_; }

private:
    unsigned healthy_threshold_;
    unsigned unhealthy_threshold_;
    unsigned streak_{0};
    bool healthy_{true};
};

}  // namespace reverse_proxy::balancing
