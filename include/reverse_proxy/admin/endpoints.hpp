#pragma once

#include "reverse_proxy/http/local_response.hpp"
#include "reverse_proxy/http/method.hpp"

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::admin {

/// One endpoint as /healthz?check=upstream shows it.
struct EndpointStatus {
    std::string url;
    std::string label;
    bool healthy;
    std::string_view breaker;  // closed, half_open, open
    bool eligible;
};

/// What the answers depend on; asked for only where an answer needs it.
struct State {
    bool draining{false};
    std::function<std::vector<EndpointStatus>()> endpoints;
};

/// Whether a path is one of the admin endpoints.
bool is_admin_path(std::string_view path);

/// The answers of /healthz, /readyz and /metrics: plain functions from state to a response, without
/// I/O.
class Endpoints {
public:
    /// @param bearer_token  METRICS_BEARER_TOKEN; "" = /metrics is open
    explicit Endpoints(std::string bearer_token) : bearer_token_{std::move(bearer_token)} {}

    struct Request {
        http::Method method;
        std::string_view path;
        std::string_view query;  // without '?'
        std::string_view authorization;
    };
    /// The answer; nothing where it is /metrics' exposition, which the control thread renders.
    [[nodiscard]] std::optional<http::LocalResponse> answer(Request const& request,
                                                            State const& state) const;
    [[nodiscard]] static http::LocalResponse metrics(std::string exposition);

private:
    [[nodiscard]] bool authorized(std::string_view authorization) const;

    std::string bearer_token_;
};

}  // namespace reverse_proxy::admin
