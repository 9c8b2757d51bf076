#pragma once

#include "reverse_proxy/http/local_response.hpp"
#include "reverse_proxy/http/method.hpp"

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <variant>
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

/// What the control thread alone can render.
enum class Report : std::uint8_t { metrics, status };

/// The answers of /healthz, /readyz, /metrics, /status and /status.json: plain functions from state
/// to a response, without I/O.
class Endpoints {
public:
    /// @param bearer_token  METRICS_BEARER_TOKEN; "" = /metrics and /status.json are open
    /// @param status_page   whether there are /status and /status.json
    Endpoints(std::string bearer_token, bool status_page);

    /// Whether a path is one of the admin endpoints.
    [[nodiscard]] bool serves(std::string_view path) const;

    struct Request {
        http::Method method;
        std::string_view path;
        std::string_view query;  // without '?'
        std::string_view authorization;
        std::string_view id{};  // for a refusal
    };
    /// The answer, or what the control thread is to render for `rendered`.
    [[nodiscard]] std::variant<http::LocalResponse, Report> answer(Request const& request,
                                                                   State const& state) const;
    [[nodiscard]] static http::LocalResponse rendered(Report report, std::string text);

private:
    [[nodiscard]] bool authorized(std::string_view authorization) const;

    std::string bearer_token_;
    bool status_page_;
};

}  // namespace reverse_proxy::admin
