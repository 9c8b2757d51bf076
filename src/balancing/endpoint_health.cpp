#include "reverse_proxy/balancing/endpoint_health.hpp"

namespace reverse_proxy::balancing {

EndpointHealth::EndpointHealth(unsigned healthy_threshold, unsigned unhealthy_threshold)
    : healthy_threshold_{healthy_threshold}, unhealthy_threshold_{unhealthy_threshold} {}

bool EndpointHealth::record(bool success) {
    if (success == healthy_) {
        streak_ = 0;
        return false;
    }
    ++streak_;
    if (streak_ < (healthy_ ? unhealthy_threshold_ : healthy_threshold_)) return false;
    healthy_ = !healthy_;
    streak_ = 0;
    return true;
}

}  // namespace reverse_proxy::balancing
