#pragma once

#include "reverse_proxy/http/target.hpp"

#include <string_view>

namespace reverse_proxy::routing {

/// Where a request goes: the upstream group named by REVERSE_PROXY_UPSTREAMS. More groups would be
/// more routes.
struct Route {
    std::string_view upstream_group;
};

/// The room that decides from authority and path where a request goes; a plain function, it cannot
/// suspend.
class Router {
public:
    /// The route, or null where none matches. With one upstream group every request has the same
    /// one.
    [[nodiscard]] Route const* match(http::Target const& /*target*/) const {
        return &default_route_;
    }

private:
    Route default_route_{"default"};
};

}  // namespace reverse_proxy::routing
