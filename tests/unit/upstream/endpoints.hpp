#pragma once

#include "reverse_proxy/balancing/endpoint.hpp"

#include <memory>
#include <string>

/// Endpoints that nothing ever connects to.
namespace reverse_proxy::upstream::test {

inline std::shared_ptr<balancing::Endpoint> endpoint(std::string prefix = {}) {
    auto made = std::make_shared<balancing::Endpoint>(balancing::CircuitBreaker::Config{}, 1U);
    made->authority = "origin.example:9000";
    made->prefix = std::move(prefix);
    return made;
}

}  // namespace reverse_proxy::upstream::test
