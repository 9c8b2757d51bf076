#include "telemetry/span_record.hpp"

#include "reverse_proxy/http/target.hpp"
#include "telemetry/line_ring.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <type_traits>

namespace reverse_proxy::telemetry {
namespace {

constexpr std::size_t kTraceIdDigits = 32;
constexpr std::size_t kSpanIdDigits = 16;

// The texts of a span with a length of their own, in the order in which they are written.
constexpr std::string_view Span::*kTexts[] = {&Span::target,  &Span::method_text, &Span::server,
                                              &Span::address, &Span::scheme,      &Span::user_agent,
                                              &Span::error};
constexpr std::size_t kTextCount = std::size(kTexts);

/// What is of the same size in every span.
struct Fixed {
    std::array<char, kTraceIdDigits> trace_id;
    std::array<char, kSpanIdDigits> span_id;
    std::array<char, kSpanIdDigits> parent_id;
    core::TimePoint started;
    core::TimePoint ended;
    std::uint16_t status;
    std::uint16_t resend_count;
    Span::Kind kind;
    http::Method method;
    std::uint8_t minor_version;
    bool remote_parent;
    bool has_parent;
    std::array<std::uint16_t, kTextCount> sizes;
};
static_assert(std::is_trivially_copyable_v<Fixed>);

template <std::size_t Size> std::array<char, Size> digits(std::string_view text) {
    std::array<char, Size> copy{};
    text.copy(copy.data(), Size);
    return copy;
}

std::size_t bound_of(std::size_t text) {
    return text == 0 ? kMostTargetBytes : kMostTextBytes;
}

}  // namespace

void write_span(LineBuffer& out, Span const& span) {
    Fixed fixed{.trace_id = digits<kTraceIdDigits>(span.trace_id),
                .span_id = digits<kSpanIdDigits>(span.span_id),
                .parent_id = digits<kSpanIdDigits>(span.parent_id),
                .started = span.started,
                .ended = span.ended,
                .status = span.status,
                .resend_count = span.resend_count,
                .kind = span.kind,
                .method = span.method,
                .minor_version = span.minor_version,
                .remote_parent = span.remote_parent,
                .has_parent = !span.parent_id.empty(),
                .sizes = {}};
    for (std::size_t i = 0; i < kTextCount; ++i)
        fixed.sizes[i] =
            static_cast<std::uint16_t>(std::min((span.*kTexts[i]).size(), bound_of(i)));
    std::array<char, sizeof fixed> bytes{};
    std::memcpy(bytes.data(), &fixed, sizeof fixed);
    out.clear();
    out += std::string_view{bytes.data(), bytes.size()};
    for (std::size_t i = 0; i < kTextCount; ++i)
        out += (span.*kTexts[i]).substr(0, fixed.sizes[i]);
}

Span take_span(std::string_view& records) {
    Fixed fixed;
    std::memcpy(&fixed, records.data(), sizeof fixed);
    Span span;
    span.kind = fixed.kind;
    span.remote_parent = fixed.remote_parent;
    span.method = fixed.method;
    span.minor_version = fixed.minor_version;
    span.status = fixed.status;
    span.resend_count = fixed.resend_count;
    span.started = fixed.started;
    span.ended = fixed.ended;
    span.trace_id = records.substr(offsetof(Fixed, trace_id), kTraceIdDigits);
    span.span_id = records.substr(offsetof(Fixed, span_id), kSpanIdDigits);
    if (fixed.has_parent)
        span.parent_id = records.substr(offsetof(Fixed, parent_id), kSpanIdDigits);
    records.remove_prefix(sizeof fixed);
    for (std::size_t i = 0; i < kTextCount; ++i) {
        span.*kTexts[i] = records.substr(0, fixed.sizes[i]);
        records.remove_prefix(fixed.sizes[i]);
    }
    records.remove_prefix(1);  // the ring's line feed
    return span;
}

struct SpanRecorder::State {
    std::shared_ptr<LineRing> ring;
    LineBuffer record;
};

SpanRecorder::SpanRecorder(std::shared_ptr<LineRing> ring, bool with_query)
    : state_{std::make_unique<State>()}, with_query_{with_query} {
    state_->ring = std::move(ring);
}

SpanRecorder::~SpanRecorder() = default;

void SpanRecorder::record(Span const& span) {
    Span told = span;
    if (!with_query_) told.target = http::path_of(span.target);
    write_span(state_->record, told);
    state_->ring->push(state_->record.view());
}

}  // namespace reverse_proxy::telemetry
