#include "config/validate.hpp"

#include "config/value_text.hpp"

#include <map>
#include <set>

namespace reverse_proxy::config {

namespace {

// What a request to /metrics holds beside the token, at the least:
// "GET /metrics HTTP/1.1\r\nHost:x\r\nAuthorization:Bearer \r\n\r\n".
constexpr std::size_t kMetricsHeadBytes = 56;

bool wants_any_port(ListenAddress const& address) {
    return !address.is_unix() && address.port == 0;
}

/// SO_REUSEPORT lets one process bind an address twice, and the kernel would deal connections to
/// both listeners: half the requests to the admin endpoints would be proxied.
void check_listeners(ListenerSettings const& listener, std::vector<Conflict>& conflicts) {
    std::map<std::string, std::string_view> first_in;
    auto const check = [&](std::vector<ListenAddress> const& addresses, std::string_view name) {
        for (auto const& address : addresses) {
            if (wants_any_port(address)) continue;
            auto const [known, is_new] = first_in.emplace(address.text(), name);
            if (is_new) continue;
            auto const given = ", given " + shown(address.text());
            if (known->second == name)
                conflicts.push_back({{name}, "lists an address twice" + given, "each one once"});
            else
                conflicts.push_back({{name, known->second},
                                     "lists an address that REVERSE_PROXY_" +
                                         std::string{known->second} + " has too" + given,
                                     "an address of its own"});
        }
    };
    check(listener.listen, "LISTEN");
    check(listener.admin_listen, "ADMIN_LISTEN");
}

void check_upstreams(UpstreamSettings const& upstream, std::vector<Conflict>& conflicts) {
    std::set<std::string> seen;
    for (auto const& url : upstream.upstreams) {
        if (!seen.insert(url.text()).second)
            conflicts.push_back({{"UPSTREAMS"},
                                 "lists an upstream twice, given " + shown(url.text()),
                                 "each one once"});
    }
}

void check_bearer_token(Settings const& settings, std::vector<Conflict>& conflicts) {
    auto const size = settings.telemetry.metrics_bearer_token.size();
    if (size == 0 || size + kMetricsHeadBytes <= settings.client.max_header_bytes) return;
    conflicts.push_back({{"METRICS_BEARER_TOKEN", "MAX_HEADER_BYTES"},
                         "is too long for a request head, given " + std::to_string(size) +
                             " bytes that are not shown",
                         "less than REVERSE_PROXY_MAX_HEADER_BYTES holds"});
}

}  // namespace

std::vector<Conflict> validate(Settings const& settings) {
    std::vector<Conflict> conflicts;
    check_listeners(settings.listener, conflicts);
    check_upstreams(settings.upstream, conflicts);
    check_bearer_token(settings, conflicts);
    return conflicts;
}

}  // namespace reverse_proxy::config
