#pragma once

#include "reverse_proxy/core/ip_network.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace reverse_proxy::config {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// `host:port`, `[v6]:port` or `unix:/path`.
struct ListenAddress {
    std::string host;       // address literal or name, without brackets; empty for a unix socket
    std::uint16_t port{};   // 0 = any free port (tests)
    std::string unix_path;  // non-empty: a unix socket
    [[nodiscard]] bool is_unix() const { return !unix_path.empty(); }
    [[nodiscard]] std::string text() const;
};

/// `http://host:port[/prefix]`.
struct UpstreamUrl {
    std::string host;      // address literal (without brackets) or name
    std::uint16_t port{};  // 80 where the URL names none
    std::string prefix;    // "" or "/x" (no trailing slash)
    bool host_is_address{};
    /// What goes into Host: as in the URL, default port left out, v6 in brackets.
    std::string authority;
    [[nodiscard]] std::string text() const;  // the whole URL, normalised
};

/// Each room is given its own part, never the whole. Defaults live here (contract, section 2).
struct ListenerSettings {
    std::vector<ListenAddress> listen{{"0.0.0.0", 8000, ""}};
    std::vector<ListenAddress> admin_listen;
    unsigned workers{0};
    std::size_t max_connections{10'000};
};

struct ClientSettings {
    milliseconds header_timeout{10'000};
    milliseconds idle_timeout{60'000};
    std::size_t max_header_bytes{32'768};
    std::size_t max_header_count{128};
    std::uint64_t max_body_bytes{0};  // 0 = no limit
    bool stream_large_bodies{true};
    std::size_t stream_threshold_bytes{65'536};
    std::size_t max_in_flight{1024};
    std::vector<core::IpNetwork> trusted_proxies;
    bool trust_unix_peers{false};  // TRUSTED_PROXIES names `unix:`
};

struct UpstreamSettings {
    std::vector<UpstreamUrl> upstreams;
    milliseconds connect_timeout{2000};
    milliseconds request_timeout{30'000};
    milliseconds attempt_timeout{0};  // 0 = only request_timeout
    milliseconds stream_idle_timeout{30'000};
    milliseconds tunnel_idle_timeout{3'600'000};
    milliseconds idle_timeout{4000};
    std::size_t max_idle{1024};
    std::size_t max_header_bytes{65'536};
};

struct HealthSettings {
    bool enabled{false};
    seconds interval{5};
    std::string path{"/"};
    milliseconds timeout{2000};
    unsigned healthy_threshold{2};
    unsigned unhealthy_threshold{2};
    bool fail_open{false};
};

struct BreakerSettings {
    bool enabled{true};
    unsigned failure_threshold{5};
    milliseconds open_duration{10'000};
};

struct RetrySettings {
    unsigned max_attempts{3};
    milliseconds backoff_base{25};
    milliseconds backoff_max{250};
    unsigned budget_percent{20};
};

struct ShutdownSettings {
    seconds grace{30};
    seconds delay{0};
};

struct TelemetrySettings {
    std::string metrics_bearer_token;
    bool status_page{false};  // on the main listener
    bool expose_debug_headers{false};
    std::string log_level{"info"};
    std::string log_format{"text"};
    bool access_log{true};
    bool access_log_query{false};
};

/// A field that goes out with every export of spans.
struct OtlpHeader {
    std::string name;
    std::string value;
};

struct TraceSettings {
    UpstreamUrl otlp_endpoint;  // no host: nothing is exported
    std::vector<OtlpHeader> otlp_headers;
    unsigned sample_percent{100};
    [[nodiscard]] bool enabled() const { return !otlp_endpoint.host.empty(); }
};

struct Settings {
    ListenerSettings listener;
    ClientSettings client;
    UpstreamSettings upstream;
    HealthSettings health;
    BreakerSettings breaker;
    RetrySettings retry;
    ShutdownSettings shutdown;
    TelemetrySettings telemetry;
    TraceSettings traces;

    /// Whether /status is served somewhere.
    [[nodiscard]] bool has_status_page() const {
        return telemetry.status_page || !listener.admin_listen.empty();
    }
};

}  // namespace reverse_proxy::config
