#include "reverse_proxy/modifiers/response_modifiers.hpp"

#include "modifiers/connection_fields.hpp"
#include "modifiers/via_field.hpp"

#include <algorithm>
#include <array>
#include <charconv>

namespace reverse_proxy::modifiers {
namespace {

using http::FieldId;

constexpr std::string_view kUpstream = "X-Upstream";
constexpr std::string_view kAttempts = "X-Attempts";
constexpr std::string_view kLatency = "X-Upstream-Latency-Ms";

void add_number(http::Fields& fields, std::string_view name, std::uint64_t number) {
    std::array<char, 20> digits{};
    auto const written = std::to_chars(digits.data(), digits.data() + digits.size(), number);
    fields.add(name, std::string_view{digits.data(),
                                      static_cast<std::size_t>(written.ptr - digits.data())});
}

void write_debug_fields(http::Fields& fields, DebugFacts const& debug) {
    // An origin that is a proxy of the same kind would have its own.
    for (http::Field& field : fields.parsed())
        if (http::iequals(field.name, kUpstream) || http::iequals(field.name, kAttempts) ||
            http::iequals(field.name, kLatency))
            field.dropped = true;
    fields.add(kUpstream, debug.upstream);
    add_number(fields, kAttempts, debug.attempts);
    std::int64_t const latency = std::max<std::int64_t>(debug.upstream_latency.count(), 0);
    add_number(fields, kLatency, static_cast<std::uint64_t>(latency));
}

/// What final and interim responses share.
void modify_any(http::ResponseHead& head) {
    end_connection_fields(head);
    // RFC 9110, 8.6: no Content-Length in 1xx and 204; a reader could wait for what it announces.
    if (head.status < 200 || head.status == 204) head.fields.drop(FieldId::content_length);
    write_via(head.fields, head.minor_version);
}

}  // namespace

void modify_response(http::ResponseHead& head, ResponseFacts const& facts) {
    modify_any(head);
    http::Fields& fields = head.fields;
    fields.drop(FieldId::x_request_id);
    if (!facts.request_id.empty()) fields.add("X-Request-Id", facts.request_id);
    if (!fields.has(FieldId::date)) fields.add("Date", facts.date);
    if (facts.debug != nullptr) write_debug_fields(fields, *facts.debug);
}

void modify_interim_response(http::ResponseHead& head) {
    modify_any(head);
}

}  // namespace reverse_proxy::modifiers
