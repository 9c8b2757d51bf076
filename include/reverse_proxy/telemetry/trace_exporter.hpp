#pragma once

// The spans' way out: one thread that takes what the workers recorded (span.hpp) and posts it to an
// OpenTelemetry collector, in batches. docs/tracing.md

#include "reverse_proxy/telemetry/span.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace reverse_proxy::telemetry {

/// Where exports go.
struct Collector {
    std::string host;  // address or name
    std::uint16_t port{0};
    std::string authority;  // for Host
    std::string path;
    std::vector<std::pair<std::string, std::string>> fields;  // sent with each export
};

/// Spans wait in a ring of 1 MiB for each worker. A tenth of a second after a full batch has come
/// together, a second after the first span at the latest, they are sent; an export that may succeed
/// later is tried five times (OTLP/HTTP's rules), and the rings fill meanwhile.
class TraceExporter {
public:
    /// @param with_query  ACCESS_LOG_QUERY
    /// @param version     the service's
    TraceExporter(Collector collector, bool with_query, std::string version);
    ~TraceExporter();  // stop()
    TraceExporter(TraceExporter const&) = delete;
    TraceExporter& operator=(TraceExporter const&) = delete;

    /// For one worker; before start().
    std::unique_ptr<SpanRecorder> make_recorder();
    void start();
    /// Once nothing is recorded any more: sends what is left, for two seconds at most, counts the
    /// rest as failed and ends the thread.
    void stop();
    /// Any thread.
    [[nodiscard]] SpanCounts counts() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::telemetry
