#include "telemetry/otlp_json.hpp"

#include "reverse_proxy/http/target.hpp"

#include <nlohmann/json.hpp>

#include <optional>
#include <utility>

namespace reverse_proxy::telemetry {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kServiceName = "reverse-proxy";
constexpr unsigned kStatusError = 2;
// Flags of a span: W3C's sampled bit, and whether it is known that the parent is remote, and so.
constexpr unsigned kFlagSampled = 0x001;
constexpr unsigned kFlagRemoteKnown = 0x100;
constexpr unsigned kFlagRemote = 0x200;

class Attributes {
public:
    void text(std::string_view key, std::string_view value) {
        add(key, {{"stringValue", std::string{value}}});
    }
    void text_if_any(std::string_view key, std::string_view value) {
        if (!value.empty()) text(key, value);
    }
    void number(std::string_view key, std::string_view digits) {
        add(key, {{"intValue", std::string{digits}}});
    }
    void number(std::string_view key, unsigned value) { number(key, std::to_string(value)); }
    Json take() { return std::move(list_); }

private:
    void add(std::string_view key, Json value) {
        list_.push_back({{"key", std::string{key}}, {"value", std::move(value)}});
    }
    Json list_ = Json::array();
};

struct HostAndPort {
    std::string_view host;  // without the brackets of an IPv6 address
    std::string_view port;  // "" where none is named
};

/// Of an authority; what stands before an '@' might be a password and is left out.
HostAndPort host_and_port(std::string_view authority) {
    if (auto const at = authority.rfind('@'); at != std::string_view::npos)
        authority.remove_prefix(at + 1);
    http::Authority const split = http::split_authority(authority);
    HostAndPort parts{split.host, split.port};
    if (parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']')
        parts.host = parts.host.substr(1, parts.host.size() - 2);
    return parts;
}

std::string_view query_of(std::string_view target) {
    std::size_t const mark = target.find('?');
    return mark == std::string_view::npos ? std::string_view{} : target.substr(mark + 1);
}

/// The methods that the conventions know, by their names.
bool is_known(Span const& span) {
    return span.method != http::Method::other;
}

void add_method(Attributes& attributes, Span const& span) {
    attributes.text("http.request.method", is_known(span) ? span.method_text : "_OTHER");
    if (!is_known(span)) attributes.text("http.request.method_original", span.method_text);
}

void add_server(Attributes& attributes, std::string_view authority, std::string_view scheme) {
    HostAndPort const server = host_and_port(authority);
    if (server.host.empty()) return;
    attributes.text("server.address", server.host);
    std::string_view const usual = scheme == "https" ? "443" : "80";
    attributes.number("server.port", server.port.empty() ? usual : server.port);
}

void add_request(Attributes& attributes, Span const& span) {
    attributes.text("url.path", http::path_of(span.target));
    attributes.text("url.scheme", span.scheme);
    attributes.text_if_any("url.query", query_of(span.target));
    add_server(attributes, span.server, span.scheme);
    if (span.address != "unix:") attributes.text_if_any("client.address", span.address);
    attributes.text("network.protocol.version", span.minor_version == 0 ? "1.0" : "1.1");
    attributes.text_if_any("user_agent.original", span.user_agent);
}

void add_attempt(Attributes& attributes, Span const& span) {
    constexpr std::string_view kScheme = "http";  // the only one that UPSTREAMS takes
    std::string_view authority = span.server;
    authority.remove_prefix(std::min(authority.size(), authority.find("://") + 3));
    authority = authority.substr(0, authority.find('/'));
    std::string url{span.server};
    if (span.target != "*") url += span.target;
    attributes.text("url.full", url);
    add_server(attributes, authority, kScheme);
    // The label of an endpoint behind a name ends with its address.
    std::size_t const at = span.address.rfind('@');
    attributes.text_if_any("network.peer.address", at == std::string_view::npos
                                                       ? host_and_port(authority).host
                                                       : span.address.substr(at + 1));
    attributes.text("network.protocol.version", "1.1");
    if (span.resend_count > 0) attributes.number("http.request.resend_count", span.resend_count);
}

/// What went wrong by the conventions: a 4xx is the client's error, not the server's.
std::optional<std::string> error_type(Span const& span) {
    bool const is_server = span.kind == Span::Kind::server;
    // The client's own malformed request, answered with a 4xx.
    bool const clients_fault = is_server && span.error == "http_request_error";
    if (!span.error.empty() && !clients_fault) return std::string{span.error};
    if (span.status >= (is_server ? 500U : 400U)) return std::to_string(span.status);
    return {};
}

std::string unix_nanoseconds(core::TimePoint time, std::chrono::nanoseconds clock_offset) {
    return std::to_string((time.time_since_epoch() + clock_offset).count());
}

Json json_of(Span const& span, std::chrono::nanoseconds clock_offset) {
    Attributes attributes;
    add_method(attributes, span);
    if (span.kind == Span::Kind::server) {
        add_request(attributes, span);
    } else {
        add_attempt(attributes, span);
    }
    if (span.status != 0) attributes.number("http.response.status_code", span.status);
    auto const error = error_type(span);
    if (error) attributes.text("error.type", *error);
    Json json{{"traceId", std::string{span.trace_id}},
              {"spanId", std::string{span.span_id}},
              {"flags", kFlagSampled | kFlagRemoteKnown | (span.remote_parent ? kFlagRemote : 0U)},
              {"name", std::string{is_known(span) ? span.method_text : "HTTP"}},
              {"kind", static_cast<unsigned>(span.kind)},
              {"startTimeUnixNano", unix_nanoseconds(span.started, clock_offset)},
              {"endTimeUnixNano", unix_nanoseconds(span.ended, clock_offset)},
              {"attributes", attributes.take()}};
    if (!span.parent_id.empty()) json["parentSpanId"] = std::string{span.parent_id};
    if (error) json["status"] = {{"code", kStatusError}};
    return json;
}

}  // namespace

std::string otlp_json(std::vector<Span> const& spans, Service const& service,
                      std::chrono::nanoseconds clock_offset) {
    Json list = Json::array();
    for (Span const& span : spans)
        list.push_back(json_of(span, clock_offset));
    Attributes resource;
    resource.text("service.name", kServiceName);
    resource.text("service.version", service.version);
    resource.text("service.instance.id", service.instance_id);
    Json scope{{"scope", {{"name", std::string{kServiceName}}, {"version", service.version}}},
               {"spans", std::move(list)}};
    Json of_resource{{"resource", {{"attributes", resource.take()}}},
                     {"scopeSpans", Json::array({std::move(scope)})}};
    Json const request{{"resourceSpans", Json::array({std::move(of_resource)})}};
    return request.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace reverse_proxy::telemetry
