#include "reverse_proxy/admin/endpoints.hpp"

#include "admin/status_page.hpp"
#include "reverse_proxy/http/failure_status.hpp"
#include "reverse_proxy/http/field_id.hpp"
#include "reverse_proxy/platform/crypto.hpp"

#include <nlohmann/json.hpp>

#include <algorithm>

namespace reverse_proxy::admin {

using http::LocalResponse;
using Json = nlohmann::ordered_json;

namespace {

LocalResponse json_text(unsigned status, std::string text) {
    LocalResponse response;
    response.status = status;
    response.content_type = "application/json";
    response.content = std::move(text);
    response.fields.emplace_back("Cache-Control", "no-store");
    return response;
}

LocalResponse json(unsigned status, Json const& content) {
    return json_text(status, content.dump(-1, ' ', true, Json::error_handler_t::replace));
}

LocalResponse refusal(unsigned status, std::string_view request_id) {
    LocalResponse response = http::problem_response(status, "http_request_error", request_id);
    response.fields.emplace_back("Cache-Control", "no-store");
    return response;
}

bool any_eligible(std::vector<EndpointStatus> const& endpoints) {
    return std::any_of(endpoints.begin(), endpoints.end(),
                       [](auto const& endpoint) { return endpoint.eligible; });
}

LocalResponse upstream_health(std::vector<EndpointStatus> const& endpoints) {
    bool const eligible = any_eligible(endpoints);
    Json list = Json::array();
    for (EndpointStatus const& endpoint : endpoints) {
        list.push_back({{"url", endpoint.url},
                        {"upstream", endpoint.label},
                        {"healthy", endpoint.healthy},
                        {"breaker", endpoint.breaker},
                        {"eligible", endpoint.eligible}});
    }
    return json(eligible ? 200 : 503,
                {{"status", eligible ? "ok" : "unavailable"}, {"upstreams", list}});
}

LocalResponse ready(State const& state) {
    if (state.draining) return json(503, {{"status", "draining"}});
    if (!any_eligible(state.endpoints())) return json(503, {{"status", "no_upstream"}});
    return json(200, {{"status", "ready"}});
}

bool asks_for_upstream(std::string_view query) {
    while (!query.empty()) {
        std::size_t const end = std::min(query.find('&'), query.size());
        if (query.substr(0, end) == "check=upstream") return true;
        query.remove_prefix(std::min(end + 1, query.size()));
    }
    return false;
}

}  // namespace

Endpoints::Endpoints(std::string bearer_token, bool status_page)
    : bearer_token_{std::move(bearer_token)}, status_page_{status_page} {}

bool Endpoints::serves(std::string_view path) const {
    return path == "/healthz" || path == "/readyz" || path == "/metrics" ||
           (status_page_ && (path == "/status" || path == "/status.json"));
}

bool Endpoints::authorized(std::string_view authorization) const {
    if (bearer_token_.empty()) return true;
    constexpr std::string_view kScheme = "Bearer ";
    if (authorization.size() < kScheme.size() ||
        !http::iequals(authorization.substr(0, kScheme.size()), kScheme)) {
        return false;
    }
    std::string_view const token = authorization.substr(kScheme.size());
    return platform::same_secret(token, bearer_token_);
}

std::variant<LocalResponse, Report> Endpoints::answer(Request const& request,
                                                      State const& state) const {
    if (!serves(request.path)) return refusal(404, request.id);
    if (request.method != http::Method::get && request.method != http::Method::head) {
        LocalResponse response = refusal(405, request.id);
        response.fields.emplace_back("Allow", "GET, HEAD");
        return response;
    }
    if (request.path == "/readyz") return ready(state);
    if (request.path == "/healthz") {
        return asks_for_upstream(request.query) ? upstream_health(state.endpoints())
                                                : json(200, {{"status", "ok"}});
    }
    // A browser cannot send the token when it opens a page, so the page comes without figures and
    // its script fetches them with the token.
    if (request.path == "/status") return status_page(!bearer_token_.empty());
    if (!authorized(request.authorization)) {
        LocalResponse response = refusal(401, request.id);
        response.fields.emplace_back("WWW-Authenticate", "Bearer realm=\"metrics\"");
        return response;
    }
    return request.path == "/metrics" ? Report::metrics : Report::status;
}

LocalResponse Endpoints::rendered(Report report, std::string text) {
    if (report == Report::status) {
        LocalResponse response = json_text(200, std::move(text));
        response.fields.emplace_back("X-Content-Type-Options", "nosniff");
        return response;
    }
    LocalResponse response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.content = std::move(text);
    return response;
}

}  // namespace reverse_proxy::admin
