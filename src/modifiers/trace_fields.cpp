#include "modifiers/trace_fields.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

namespace reverse_proxy::modifiers {
namespace {

using http::FieldId;

constexpr std::array<char, 512> byte_digits() {
    std::array<char, 512> digits{};
    for (unsigned byte = 0; byte < 256; ++byte) {
        digits[2 * byte] = "0123456789abcdef"[byte >> 4];
        digits[2 * byte + 1] = "0123456789abcdef"[byte & 15];
    }
    return digits;
}
constexpr std::array<char, 512> kByteDigits = byte_digits();

/// 16 hexadecimal digits a step, two at a time: identifiers are most of what the modifiers write.
template <std::size_t Words> void write_random(char* out, core::Random& random) {
    for (std::size_t word = 0; word < Words; ++word) {
        std::uint64_t bits = random.next();
        if (bits == 0) bits = 1;  // an identifier of zeros is not valid in traceparent
        for (unsigned byte = 0; byte < 8; ++byte, out += 2, bits >>= 8)
            std::memcpy(out, &kByteDigits[2 * (bits & 0xFF)], 2);
    }
}

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
    write_random<2>(facts.request_id, random);
    facts.request_id_size = 32;
    fields.add("X-Request-Id", {facts.request_id, facts.request_id_size});
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
constexpr std::size_t kTraceIdSize = 32;
constexpr std::size_t kParentIdSize = 16;

struct Traceparent {
    std::string_view trace_id;
    std::string_view flags;
};

std::optional<Traceparent> parse_traceparent(std::string_view text) {
    if (text.size() < kTraceparentSize || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return std::nullopt;
    std::string_view const version = text.substr(0, 2);
    std::string_view const trace_id = text.substr(3, kTraceIdSize);
    std::string_view const parent_id = text.substr(36, kParentIdSize);
    std::string_view flags = text.substr(53, 2);
    if (!is_lower_hex(version) || !is_lower_hex(trace_id) || !is_lower_hex(parent_id) ||
        !is_lower_hex(flags) || version == "ff" || is_zeros(trace_id) || is_zeros(parent_id))
        return std::nullopt;
    if (version == "00") {
        if (text.size() != kTraceparentSize) return std::nullopt;
    } else {
        // 4.3 of the same: a later version's start is read as 00's, and of its flags only the
        // sampled one is known.
        if (text.size() > kTraceparentSize && text[kTraceparentSize] != '-') return std::nullopt;
        flags = (http::hex_value(flags[1]) & 1) != 0 ? "01" : "00";
    }
    return Traceparent{trace_id, flags};
}

void write_traceparent(http::Fields& fields, core::Random& random, RequestFacts& facts) {
    std::optional<Traceparent> received;
    if (auto const sent = single(fields, FieldId::traceparent)) received = parse_traceparent(*sent);
    // Made anew with "sampled" set: samplers that follow their parent (the default of every
    // OpenTelemetry SDK) would record nothing of any request otherwise, which it would without us.
    std::string_view flags = "01";
    if (received) {
        received->trace_id.copy(facts.trace_id, kTraceIdSize);
        flags = received->flags;
    } else {
        fields.drop(FieldId::tracestate);  // belongs to a trace that ends here (3.3.1)
        write_random<2>(facts.trace_id, random);
    }
    std::array<char, kParentIdSize> parent_id{};
    write_random<1>(parent_id.data(), random);
    fields.drop(FieldId::traceparent);
    fields.add("traceparent", {"00-",
                               {facts.trace_id, kTraceIdSize},
                               "-",
                               {parent_id.data(), parent_id.size()},
                               "-",
                               flags});
}

}  // namespace

void write_trace_fields(http::Fields& fields, bool trusted_peer, core::Random& random,
                        RequestFacts& facts) {
    write_request_id(fields, trusted_peer, random, facts);
    write_traceparent(fields, random, facts);
}

}  // namespace reverse_proxy::modifiers
