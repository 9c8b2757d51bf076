#include "reverse_proxy/http/local_response.hpp"

#include "reverse_proxy/http/failure_status.hpp"

#include <nlohmann/json.hpp>

namespace reverse_proxy::http {

LocalResponse problem_response(unsigned status, std::string_view error_type,
                               std::string_view request_id, std::string_view detail) {
    nlohmann::ordered_json problem{
        {"type", "about:blank"}, {"status", status}, {"title", reason_phrase(status)}};
    if (!detail.empty()) problem["detail"] = detail;
    problem["request_id"] = request_id;

    LocalResponse response;
    response.status = status;
    response.error = error_type;
    response.content_type = "application/problem+json";
    response.content = problem.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace);
    std::string proxy_status = "reverse-proxy; error=" + std::string{error_type};
    // Details are literals of ours: no quote or backslash in them (RFC 8941, 3.3.3).
    if (!detail.empty()) proxy_status += "; details=\"" + std::string{detail} + "\"";
    response.fields.emplace_back("Proxy-Status", std::move(proxy_status));
    return response;
}

LocalResponse failure_response(core::FailureKind kind, std::string_view request_id,
                               unsigned retry_after, std::string_view detail) {
    FailureStatus const& row = failure_status(kind);
    LocalResponse response = problem_response(row.status, row.error_type, request_id, detail);
    if (row.status == 405) response.fields.emplace_back("Allow", std::string{kAllowedMethods});
    if (retry_after > 0) response.fields.emplace_back("Retry-After", std::to_string(retry_after));
    return response;
}

}  // namespace reverse_proxy::http
