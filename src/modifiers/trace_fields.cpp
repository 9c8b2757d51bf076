#include "modifiers/trace_fields.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <algorithm>
#include <array>
#include <optional>

namespace reverse_proxy::modifiers {
namespace {

using http::FieldId;

bool valid_request_id(std::string_view id) {
    return !id.empty() && id.size() <= sizeof(RequestFacts::request_id) &&
           std::all_of(id.begin(), id.end(), [](char c) {
               return http::is_alnum(c) ||
                      std::string_view{"-._~:/+=@"}.find(c) != std::string_view::npos;
           });
}

/// The only line's value; nothing where there is none, or several that could be read differently.
std::optional<std::string_view> single(http::Fields const& fields, FieldId id) {
    if (!fields.has(id)) return std::nullopt;
    std::optional<std::string_view> value;
    for (http::Field const& field : fields.parsed()) {
        if (field.id != id || field.dropped) continue;
        if (value) return std::nullopt;
        value = field.value;
    }
    return value;
}

void write_request_id(http::Fields& fields, bool trusted_peer, core::Random& random,
                      RequestFacts& facts) {
    if (trusted_peer) {
        auto const sent = single(fields, FieldId::x_request_id);
        if (sent && valid_request_id(*sent)) {
            sent->copy(facts.request_id, sent->size());
            facts.request_id_size = static_cast<unsigned>(sent->size());
            return;
        }
    }
    fields.drop(FieldId::x_request_id);
    facts.request_id_size = 32;
    random.hex(facts.request_id, facts.request_id_size);
    fields.add("X-Request-Id", std::string_view{facts.request_id, facts.request_id_size});
}

bool is_lower_hex(std::string_view text) {
    return std::all_of(text.begin(), text.end(),
                       [](char c) { return http::is_digit(c) || (c >= 'a' && c <= 'f'); });
}

bool is_zeros(std::string_view text) {
    return text.find_first_not_of('0') == std::string_view::npos;
}

/// version-traceid-parentid-flags (W3C Trace Context, 3.2.2): 2, 32, 16 and 2 digits.
constexpr std::size_t kTraceparentSize = 55;
constexpr unsigned kTraceIdSize = 32;
constexpr unsigned kParentIdSize = 16;

// Bits of the flags. Others mean nothing yet and are not passed on (3.2.2.5). Random, of the
// specification's second level, says how the trace's id was made, which stays true.
constexpr unsigned kSampled = 1;
constexpr unsigned kRandom = 2;

struct Traceparent {
    std::string_view trace_id;
    std::string_view parent_id;
    unsigned flags{kSampled};
};

std::optional<Traceparent> parse_traceparent(std::string_view text) {
    if (text.size() < kTraceparentSize || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return std::nullopt;
    std::string_view const version = text.substr(0, 2);
    std::string_view const trace_id = text.substr(3, kTraceIdSize);
    std::string_view const parent_id = text.substr(36, kParentIdSize);
    std::string_view const flags = text.substr(53, 2);
    if (!is_lower_hex(version) || !is_lower_hex(trace_id) || !is_lower_hex(parent_id) ||
        !is_lower_hex(flags) || version == "ff" || is_zeros(trace_id) || is_zeros(parent_id))
        return std::nullopt;
    if (version == "00") {
        if (text.size() != kTraceparentSize) return std::nullopt;
    } else if (text.size() > kTraceparentSize && text[kTraceparentSize] != '-') {
        return std::nullopt;
    }
    // 4.3 of the same: a later version's start is read as 00's, and of its flags only the sampled
    // one is known.
    unsigned const known = version == "00" ? kSampled | kRandom : kSampled;
    return Traceparent{trace_id, parent_id,
                       static_cast<unsigned>(http::hex_value(flags[1])) & known};
}

/// Whether the request makes spans; `flags` says the same afterwards, or the origin would record a
/// trace whose middle is missing. Drawn here and not from the trace's id, which a client may
/// choose.
bool decide(TraceSampling const& sampling, bool trusted_parent, core::Random& random,
            unsigned& flags) {
    bool const asked = (flags & kSampled) != 0;
    bool const sampled = asked && (trusted_parent || random.below(100) < sampling.percent);
    if (!sampled) flags &= ~kSampled;
    return sampled;
}

void note_span(telemetry::SpanContext& span, std::optional<Traceparent> const& received,
               std::string_view trace_id, std::string_view attempt_id, core::Random& random) {
    trace_id.copy(span.trace_id, kTraceIdSize);
    attempt_id.copy(span.attempt_id, kParentIdSize);
    random.hex(span.span_id, kParentIdSize);
    span.has_parent = received.has_value();
    if (received) received->parent_id.copy(span.parent_id, kParentIdSize);
}

void write_traceparent(http::Fields& fields, bool trusted_peer, TraceSampling const& sampling,
                       core::Random& random, RequestFacts& facts) {
    std::optional<Traceparent> received;
    if (auto const sent = single(fields, FieldId::traceparent)) received = parse_traceparent(*sent);
    // Made anew with "sampled" set: samplers that follow their parent (the default of every
    // OpenTelemetry SDK) would record nothing of any request otherwise, which it would without us.
    unsigned flags = kSampled;
    if (received) {
        received->trace_id.copy(facts.trace_id, kTraceIdSize);
        flags = received->flags;
    } else {
        fields.drop(FieldId::tracestate);  // belongs to a trace that ends here (3.3.1)
        random.hex(facts.trace_id, kTraceIdSize);
    }
    std::string_view const trace_id{facts.trace_id, kTraceIdSize};
    std::array<char, kParentIdSize> parent_id{};
    random.hex(parent_id.data(), kParentIdSize);
    facts.span.sampled =
        sampling.recording && decide(sampling, received && trusted_peer, random, flags);
    if (facts.span.sampled)
        note_span(facts.span, received, trace_id, {parent_id.data(), parent_id.size()}, random);
    constexpr std::array<std::string_view, 4> kFlags{"-00", "-01", "-02", "-03"};
    fields.drop(FieldId::traceparent);
    fields.add("traceparent", "00-", trace_id, "-",
               std::string_view{parent_id.data(), parent_id.size()}, kFlags[flags]);
}

}  // namespace

void write_trace_fields(http::Fields& fields, bool trusted_peer, TraceSampling const& sampling,
                        core::Random& random, RequestFacts& facts) {
    write_request_id(fields, trusted_peer, random, facts);
    write_traceparent(fields, trusted_peer, sampling, random, facts);
}

}  // namespace reverse_proxy::modifiers
