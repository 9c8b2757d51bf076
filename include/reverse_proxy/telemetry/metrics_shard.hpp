#pragma once

// What one worker counts while requests pass; every other room reports here. The exporter sums the
// shards when /metrics is asked for.

#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/http/method.hpp"
#include "reverse_proxy/telemetry/label_sets.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace reverse_proxy::telemetry {

/// A counter or gauge with one writer: plain load and store, no locked instruction. Any thread may
/// read.
class Cell {
public:
    void add(std::uint64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
    }
    void sub(std::uint64_t n) {
        value_.store(value_.load(std::memory_order_relaxed) - n, std::memory_order_relaxed);
    }
    [[nodiscard]] std::uint64_t read() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// The stages of the pipeline, in the order a request meets them; label `stage`.
enum class Stage : std::uint8_t {
    read_head,  // parse, framing, target
    admission,
    routing,
    request_modifiers,
    upstream,  // first attempt's start to the final response's head, waits included
    response_modifiers,
    response,  // head and content to the client, to the last byte
    count
};

enum class AttemptOutcome : std::uint8_t {
    ok,
    error_status /* 502/503/504 */,
    connect_failed,
    connect_timeout,
    reset,
    stale,
    timeout,
    malformed,
    incomplete,
    aborted,
    count
};

enum class RetryReason : std::uint8_t { connect, reset, timeout, status, stale, count };

enum class RejectReason : std::uint8_t {
    in_flight,
    no_endpoint,
    malformed,
    head_too_large,
    target_too_long,
    content_too_large,
    head_timeout,
    content_timeout,
    method,
    count
};

/// One endpoint's cells of one worker; `balancing::Endpoint` holds one for each worker.
struct alignas(64) EndpointCells {
    Cell attempts[static_cast<unsigned>(AttemptOutcome::count)];
    Cell retries[static_cast<unsigned>(RetryReason::count)];
    Cell connections_active;
    Cell connections_idle;
    Cell connections_opened;
    Cell stale_connections;
    Cell latency_buckets[16];  // upstream_latency_seconds, not cumulative
    Cell latency_sum_ns;
    /// From an attempt's start to its response's head.
    void observe_latency(std::chrono::nanoseconds latency);
};

/// All that one worker counts. One writer (its worker); the exporter reads from the control thread
/// at any time. After a label set's first request nothing here allocates, locks or waits.
class MetricsShard {
public:
    /// @param label_sets  the one that all shards of the process share
    explicit MetricsShard(std::shared_ptr<LabelSets> label_sets);
    ~MetricsShard();
    MetricsShard(MetricsShard const&) = delete;
    MetricsShard& operator=(MetricsShard const&) = delete;

    /// One finished exchange. `path` is the raw path (no query): normalised, looked up and bounded
    /// here. An empty path (the head could not be read) counts as `other`; a status outside
    /// 100..999 counts as 500.
    void request_finished(http::Method method, std::string_view path, unsigned status,
                          std::chrono::nanoseconds latency);
    /// The request that has just finished was for one of the proxy's own endpoints: the status page
    /// shows traffic without these.
    void was_own(unsigned status, std::chrono::nanoseconds latency);
    void stage_finished(Stage stage, std::chrono::nanoseconds duration);
    void failed(core::FailureKind kind);  // failures_total{error}
    void rejected(RejectReason reason);
    void retry_budget_exhausted();
    void bytes_in(std::uint64_t n);   // bytes_total{direction="in"}: content received from clients
    void bytes_out(std::uint64_t n);  // content sent to clients
    void client_connected();
    void client_disconnected();

    struct State;
    /// For the exporter.
    [[nodiscard]] State const& state() const { return *state_; }

private:
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::telemetry
