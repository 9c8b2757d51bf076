#pragma once

// Spans: what OpenTelemetry is told of a sampled request (kind SERVER) and of each of its attempts
// (kind CLIENT). Workers record them here; trace_exporter.hpp sends them. docs/tracing.md

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/http/method.hpp"

#include <cstdint>
#include <memory>
#include <string_view>

namespace reverse_proxy::telemetry {

class LineRing;

/// Where a request stands in its trace, in lower-case hexadecimal. Nothing but `sampled` is set
/// where that is false.
struct SpanContext {
    bool sampled{false};
    bool has_parent;  // of the client's, from its traceparent
    char trace_id[32];
    char parent_id[16];
    char span_id[16];     // the request's
    char attempt_id[16];  // of the attempt under way: the parent that the origin is told
};

/// One finished span. Slices need to live for the call only.
struct Span {
    enum class Kind : std::uint8_t { server = 2, client = 3 };  // the protocol's numbers

    Kind kind{Kind::server};
    bool remote_parent{false};  // the parent is in another process
    http::Method method{http::Method::other};
    std::uint8_t minor_version{1};
    std::uint16_t status{0};        // of the response; 0: there was none
    std::uint16_t resend_count{0};  // times that the request had been sent before
    core::TimePoint started;
    core::TimePoint ended;
    std::string_view trace_id;
    std::string_view span_id;
    std::string_view parent_id;  // "" for the first span of a trace
    std::string_view method_text;
    std::string_view target;   // path and query
    std::string_view server;   // request: the client's Host; attempt: the endpoint's URL
    std::string_view address;  // request: the client's; attempt: the endpoint's label
    std::string_view scheme;   // request alone, and so is the next one
    std::string_view user_agent;
    std::string_view error;  // RFC 9209 type, "client_gone", or "" on success
};

/// What became of the spans so far.
struct SpanCounts {
    std::uint64_t exported{0};  // accepted by the collector
    std::uint64_t dropped{0};   // a worker's ring was full
    std::uint64_t failed{0};    // refused by the collector, or given up on
};

/// Puts one worker's spans into a bounded ring, which the exporter's thread empties. A full ring
/// drops spans and counts them: recording never blocks or locks, and allocates only while its
/// memory grows to the largest span.
class SpanRecorder {
public:
    /// @param with_query  ACCESS_LOG_QUERY: false cuts the target's query off here
    SpanRecorder(std::shared_ptr<LineRing> ring, bool with_query);
    ~SpanRecorder();
    SpanRecorder(SpanRecorder const&) = delete;
    SpanRecorder& operator=(SpanRecorder const&) = delete;

    void record(Span const& span);

private:
    struct State;
    std::unique_ptr<State> state_;
    bool with_query_;
};

}  // namespace reverse_proxy::telemetry
