#include "config/settings_table.hpp"

#include "config/setting_kinds.hpp"

namespace reverse_proxy::config {

namespace {

constexpr std::string_view kListeners = "Listeners";
constexpr std::string_view kUpstreams = "Upstreams";
constexpr std::string_view kTimeLimits = "Time limits";
constexpr std::string_view kSizeLimits = "Heads and content";
constexpr std::string_view kHealth = "Health probes";
constexpr std::string_view kBreaker = "Circuit breaker";
constexpr std::string_view kRetries = "Retries";
constexpr std::string_view kShutdown = "Shutdown";
constexpr std::string_view kTrust = "Trust and secrets";
constexpr std::string_view kLogs = "Logs";
constexpr std::string_view kTraces = "Traces";

constexpr std::string_view kBytes = "bytes";

// Bounds are there to catch a wrong unit or a stray digit, not to advise.
constexpr std::uint64_t kDayMs = 86'400'000;
constexpr std::uint64_t kDaySeconds = 86'400;
constexpr std::uint64_t kMiB = 1'048'576;
constexpr std::uint64_t kMaxCount = 1'000'000;
constexpr std::uint64_t kMaxContentBytes = 9'223'372'036'854'775'807;  // off_t's last

constexpr auto kListener = &Settings::listener;
constexpr auto kClient = &Settings::client;
constexpr auto kUpstream = &Settings::upstream;
constexpr auto kHealthPart = &Settings::health;
constexpr auto kBreakerPart = &Settings::breaker;
constexpr auto kRetryPart = &Settings::retry;
constexpr auto kShutdownPart = &Settings::shutdown;
constexpr auto kTelemetry = &Settings::telemetry;
constexpr auto kTracePart = &Settings::traces;

constexpr Setting kTable[] = {
    list<kListener, &ListenerSettings::listen, parse_listen_address>({
        .group = kListeners,
        .name = "LISTEN",
        .forms = kListenForms,
        .help =
            "Addresses on which clients are served; an empty host means every IPv4 address. One "
            "that cannot be had ends the start (exit code 69).",
    }),
    list<kListener, &ListenerSettings::admin_listen, parse_listen_address>({
        .group = kListeners,
        .name = "ADMIN_LISTEN",
        .forms = kListenForms,
        .help = "Addresses for the admin endpoints alone; every path on LISTEN is then proxied. "
                "Empty: LISTEN answers them.",
    }),
    number<kListener, &ListenerSettings::workers>({
        .group = kListeners,
        .name = "WORKERS",
        .max = 1024,
        .help = "Worker threads. 0: as many as this process may use processors, by affinity and "
                "cgroup quota.",
    }),
    number<kListener, &ListenerSettings::max_connections>({
        .group = kListeners,
        .name = "MAX_CONNECTIONS",
        .min = 1,
        .max = kMaxCount,
        .help = "Client connections open at once. At the limit accepting pauses and new ones wait "
                "in the kernel's backlog.",
    }),
    number<kClient, &ClientSettings::max_in_flight>({
        .group = kListeners,
        .name = "MAX_IN_FLIGHT",
        .min = 1,
        .max = kMaxCount,
        .help = "Requests in work at once over all workers, each until the last byte of its "
                "response. Past it: 503 with Retry-After.",
    }),

    list<kUpstream, &UpstreamSettings::upstreams, parse_upstream_url>({
        .group = kUpstreams,
        .name = "UPSTREAMS",
        .forms = kUpstreamForm,
        .help = "Origins to share the requests among, on port 80 where none is given; required "
                "unless --demo is. A host name is looked up again while running.",
    }),
    number<kUpstream, &UpstreamSettings::idle_timeout>({
        .group = kUpstreams,
        .name = "UPSTREAM_IDLE_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "How long an unused pooled connection is kept, then it is closed. A shorter "
                "Keep-Alive timeout announced by the origin wins.",
    }),
    number<kUpstream, &UpstreamSettings::max_idle>({
        .group = kUpstreams,
        .name = "UPSTREAM_MAX_IDLE",
        .max = kMaxCount,
        .help = "Unused connections kept per endpoint and worker; one more is closed after its "
                "response. 0: none is kept.",
    }),

    number<kUpstream, &UpstreamSettings::connect_timeout>({
        .group = kTimeLimits,
        .name = "CONNECT_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "Longest wait for one TCP connection to an endpoint; past it the attempt failed "
                "(504 where no retry is left).",
    }),
    number<kUpstream, &UpstreamSettings::request_timeout>({
        .group = kTimeLimits,
        .name = "REQUEST_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "From the request received whole, or the last byte of streamed content sent on, "
                "to the final response's head, all attempts and waits together (504).",
    }),
    number<kUpstream, &UpstreamSettings::attempt_timeout>({
        .group = kTimeLimits,
        .name = "ATTEMPT_TIMEOUT_MS",
        .max = kDayMs,
        .help = "Wait for a response's head in one attempt, from the request sent whole; past it "
                "the attempt failed and may be retried (504). 0: REQUEST_TIMEOUT_MS alone counts.",
    }),
    number<kUpstream, &UpstreamSettings::stream_idle_timeout>({
        .group = kTimeLimits,
        .name = "STREAM_IDLE_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "Longest time in which no byte of content moves, in either direction. Then the "
                "exchange is cut: 408 or 504 while no response has begun, else a closed "
                "connection.",
    }),
    number<kUpstream, &UpstreamSettings::tunnel_idle_timeout>({
        .group = kTimeLimits,
        .name = "TUNNEL_IDLE_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "The same for an upgraded connection such as a WebSocket; then both sides are "
                "closed. Once one side has closed, the other has STREAM_IDLE_TIMEOUT_MS.",
    }),
    number<kClient, &ClientSettings::header_timeout>({
        .group = kTimeLimits,
        .name = "CLIENT_HEADER_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "Time for a whole request head, from its first byte (408).",
    }),
    number<kClient, &ClientSettings::idle_timeout>({
        .group = kTimeLimits,
        .name = "CLIENT_IDLE_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "How long a kept-alive client connection may wait for its next request; then it "
                "is closed without an answer.",
    }),

    number<kClient, &ClientSettings::max_header_bytes>({
        .group = kSizeLimits,
        .name = "MAX_HEADER_BYTES",
        .unit = kBytes,
        .min = 1024,
        .max = kMiB,
        .help = "Longest request head, start line included (431; 414 where the target alone is "
                "too long).",
    }),
    number<kClient, &ClientSettings::max_header_count>({
        .group = kSizeLimits,
        .name = "MAX_HEADER_COUNT",
        .min = 1,
        .max = 10'000,
        .help = "Most field lines in a head (431).",
    }),
    number<kUpstream, &UpstreamSettings::max_header_bytes>({
        .group = kSizeLimits,
        .name = "UPSTREAM_MAX_HEADER_BYTES",
        .unit = kBytes,
        .min = 1024,
        .max = kMiB,
        .help = "Longest response head of an origin (502).",
    }),
    number<kClient, &ClientSettings::max_body_bytes>({
        .group = kSizeLimits,
        .name = "MAX_BODY_BYTES",
        .unit = kBytes,
        .max = kMaxContentBytes,
        .help = "Longest request content (413). 0: no limit.",
    }),
    boolean<kClient, &ClientSettings::stream_large_bodies>({
        .group = kSizeLimits,
        .name = "STREAM_LARGE_BODIES",
        .help = "Whether request content over STREAM_THRESHOLD_BYTES is streamed. false: it is "
                "refused (413).",
    }),
    number<kClient, &ClientSettings::stream_threshold_bytes>({
        .group = kSizeLimits,
        .name = "STREAM_THRESHOLD_BYTES",
        .unit = kBytes,
        .max = 16 * kMiB,
        .help = "Content of a declared length up to this size is read whole before an endpoint is "
                "chosen; longer or chunked content is streamed. Past it a request whose content "
                "has begun to go out is not retried.",
    }),

    boolean<kHealthPart, &HealthSettings::enabled>({
        .group = kHealth,
        .name = "HEALTHCHECK",
        .help = "Whether each endpoint is probed. An unhealthy one gets no requests; with none "
                "left the answer is 503.",
    }),
    number<kHealthPart, &HealthSettings::interval>({
        .group = kHealth,
        .name = "HEALTHCHECK_INTERVAL_SECS",
        .min = 1,
        .max = kDaySeconds,
        .help = "Time between two probes of an endpoint, give or take a tenth at random.",
    }),
    {
        .group = kHealth,
        .name = "HEALTHCHECK_PATH",
        .kind = Kind::text,
        .forms = "a path that begins with /, with or without a query",
        .help = "Target of the probe's GET. 2xx and 3xx count as healthy, every other answer as a "
                "failure.",
        .read = read_healthcheck_path,
        .value = [](Settings const& settings) -> SettingValue { return settings.health.path; },
    },
    number<kHealthPart, &HealthSettings::timeout>({
        .group = kHealth,
        .name = "HEALTHCHECK_TIMEOUT_MS",
        .min = 1,
        .max = kDayMs,
        .help = "Time for one whole probe; past it the probe failed.",
    }),
    number<kHealthPart, &HealthSettings::healthy_threshold>({
        .group = kHealth,
        .name = "HEALTHCHECK_HEALTHY_THRESHOLD",
        .min = 1,
        .max = kMaxCount,
        .help = "Probes that must succeed in a row until an unhealthy endpoint is healthy again. "
                "At start all are healthy.",
    }),
    number<kHealthPart, &HealthSettings::unhealthy_threshold>({
        .group = kHealth,
        .name = "HEALTHCHECK_UNHEALTHY_THRESHOLD",
        .min = 1,
        .max = kMaxCount,
        .help = "Probes that must fail in a row until an endpoint is unhealthy.",
    }),
    boolean<kHealthPart, &HealthSettings::fail_open>({
        .group = kHealth,
        .name = "FAIL_OPEN",
        .help = "true: while probes call every endpoint unhealthy, requests go to all of them. "
                "false: they are answered 503.",
    }),

    boolean<kBreakerPart, &BreakerSettings::enabled>({
        .group = kBreaker,
        .name = "CIRCUIT_BREAKER",
        .help = "Whether an endpoint that keeps failing is left alone for a while. With no "
                "endpoint left the answer is 503.",
    }),
    number<kBreakerPart, &BreakerSettings::failure_threshold>({
        .group = kBreaker,
        .name = "CIRCUIT_BREAKER_FAILURE_THRESHOLD",
        .min = 1,
        .max = kMaxCount,
        .help = "Failed attempts in a row (transport failures, time-outs, 502, 503, 504) that "
                "open an endpoint's breaker.",
    }),
    number<kBreakerPart, &BreakerSettings::open_duration>({
        .group = kBreaker,
        .name = "CIRCUIT_BREAKER_OPEN_MS",
        .min = 1,
        .max = kDayMs,
        .help = "How long a breaker stays open; then one request probes the endpoint and decides.",
    }),

    number<kRetryPart, &RetrySettings::max_attempts>({
        .group = kRetries,
        .name = "RETRY_MAX_ATTEMPTS",
        .min = 1,
        .max = 1000,
        .help = "Attempts for one request, the first included; after the last one its answer goes "
                "to the client. 1: no retries.",
    }),
    number<kRetryPart, &RetrySettings::backoff_base>({
        .group = kRetries,
        .name = "RETRY_BACKOFF_BASE_MS",
        .max = kDayMs,
        .help = "The wait before retry n is drawn at random between 0 and this times 2^(n-1). 0: "
                "no wait.",
    }),
    number<kRetryPart, &RetrySettings::backoff_max>({
        .group = kRetries,
        .name = "RETRY_BACKOFF_MAX_MS",
        .max = kDayMs,
        .help = "Upper end of that wait, whatever n is. 0: no wait.",
    }),
    number<kRetryPart, &RetrySettings::budget_percent>({
        .group = kRetries,
        .name = "RETRY_BUDGET_PERCENT",
        .unit = "%",
        .max = 100,
        .help = "Share of requests that may be retried, beside 3 retries a second and a reserve "
                "of 10; past it the first answer stands. 0: no retries, 100: no bound but "
                "RETRY_MAX_ATTEMPTS.",
    }),

    number<kShutdownPart, &ShutdownSettings::grace>({
        .group = kShutdown,
        .name = "SHUTDOWN_GRACE_SECONDS",
        .max = kDaySeconds,
        .help = "Longest time for requests in work to finish once draining; what is left is cut.",
    }),
    number<kShutdownPart, &ShutdownSettings::delay>({
        .group = kShutdown,
        .name = "SHUTDOWN_DELAY_SECONDS",
        .max = kDaySeconds,
        .help = "After SIGTERM keep serving this long with /readyz at 503, for load balancers to "
                "notice.",
    }),

    {
        .group = kTrust,
        .name = "TRUSTED_PROXIES",
        .kind = Kind::list,
        .forms = "addresses, ranges such as 10.0.0.0/8, and unix: for peers on a unix socket",
        .help = "Peers whose X-Forwarded-*, Forwarded and X-Request-Id fields are believed. From "
                "all others these are dropped and written anew.",
        .read = read_trusted_proxies,
        .value = trusted_proxies_value,
    },
    {
        .group = kTrust,
        .name = "METRICS_BEARER_TOKEN",
        .kind = Kind::secret,
        .forms = "visible ASCII without blanks",
        .help = "Where set, /metrics and /status.json want it as Authorization: Bearer (401 else).",
        .read = read_bearer_token,
        .value = [](Settings const& settings) -> SettingValue {
            return std::string{settings.telemetry.metrics_bearer_token.empty() ? "" : "***"};
        },
    },
    boolean<kTelemetry, &TelemetrySettings::status_page>({
        .group = kTrust,
        .name = "STATUS_PAGE",
        .help = "Whether LISTEN, where it answers the admin endpoints, has the status page /status "
                "as well. ADMIN_LISTEN always has it.",
    }),
    boolean<kTelemetry, &TelemetrySettings::expose_debug_headers>({
        .group = kTrust,
        .name = "EXPOSE_DEBUG_HEADERS",
        .help = "Adds X-Upstream, X-Attempts and X-Upstream-Latency-Ms to responses, and inner "
                "addresses and error texts to the proxy's own answers.",
    }),

    choice<kTelemetry, &TelemetrySettings::log_level>({
        .group = kLogs,
        .name = "LOG_LEVEL",
        .forms = "trace, debug, info, warn, error",
        .help = "Least severity that is logged.",
    }),
    choice<kTelemetry, &TelemetrySettings::log_format>({
        .group = kLogs,
        .name = "LOG_FORMAT",
        .forms = "text, json",
        .help = "Form of a log line; json is one object a line.",
    }),
    boolean<kTelemetry, &TelemetrySettings::access_log>({
        .group = kLogs,
        .name = "ACCESS_LOG",
        .help = "One line for each request.",
    }),
    boolean<kTelemetry, &TelemetrySettings::access_log_query>({
        .group = kLogs,
        .name = "ACCESS_LOG_QUERY",
        .help = "true: the access log shows the target with its query, which may hold secrets. So "
                "do spans.",
    }),

    {
        .group = kTraces,
        .name = "OTLP_ENDPOINT",
        .kind = Kind::text,
        .forms = "http://host:port[/path]",
        .help =
            "OpenTelemetry collector that is sent a span for each sampled request and for each "
            "of its attempts (OTLP/HTTP, JSON). Path: /v1/traces where the URL has none. Empty: "
            "no spans.",
        .read = read_otlp_endpoint,
        .value = [](Settings const& settings) -> SettingValue {
            return settings.traces.enabled() ? settings.traces.otlp_endpoint.text() : "";
        },
    },
    {
        .group = kTraces,
        .name = "OTLP_HEADERS",
        .kind = Kind::secret,
        .forms = "name=value[,name=value], %XX for a byte of a value that may not stand there",
        .help = "Fields sent to the collector with each export, such as "
                "authorization=Bearer%20...",
        .read = read_otlp_headers,
        .value = [](Settings const& settings) -> SettingValue {
            return std::string{settings.traces.otlp_headers.empty() ? "" : "***"};
        },
    },
    number<kTracePart, &TraceSettings::sample_percent>({
        .group = kTraces,
        .name = "TRACE_SAMPLE_PERCENT",
        .unit = "%",
        .max = 100,
        .help = "Share of requests that make spans where OTLP_ENDPOINT is set. A trusted peer's "
                "traceparent decides for itself; any other peer's can only ask for none.",
    }),
};

}  // namespace

std::string Setting::full_name() const {
    return std::string{kPrefix} + std::string{name};
}

std::string Setting::allowed() const {
    if (kind != Kind::number) return std::string{forms};
    auto range = std::to_string(min) + " to " + std::to_string(max);
    return unit.empty() ? range : range + ' ' + std::string{unit};
}

std::span<Setting const> settings_table() {
    return kTable;
}

std::string text_of(SettingValue const& value) {
    if (auto const* boolean_value = std::get_if<bool>(&value))
        return *boolean_value ? "true" : "false";
    if (auto const* number_value = std::get_if<std::uint64_t>(&value))
        return std::to_string(*number_value);
    return std::get<std::string>(value);
}

}  // namespace reverse_proxy::config
