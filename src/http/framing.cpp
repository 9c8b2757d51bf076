#include "reverse_proxy/http/framing.hpp"

#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/list.hpp"
#include "reverse_proxy/http/method.hpp"

#include <limits>
#include <optional>

namespace reverse_proxy::http {
namespace {

constexpr FieldSet kFramingFields{FieldId::content_length, FieldId::transfer_encoding};

/// 2^63 - 1: some readers hold a length in a signed integer.
constexpr std::uint64_t kMaxLength = std::numeric_limits<std::int64_t>::max();

/// Digits only. "010" is refused: it is ten to one reader and eight to another.
std::optional<std::uint64_t> parse_length(std::string_view text) {
    if (text.empty() || (text.size() > 1 && text.front() == '0')) return std::nullopt;
    std::uint64_t length = 0;
    for (char const c : text) {
        if (!is_digit(c)) return std::nullopt;
        auto const digit = static_cast<std::uint64_t>(c - '0');
        if (length > (kMaxLength - digit) / 10) return std::nullopt;
        length = length * 10 + digit;
    }
    return length;
}

enum class Coding : std::uint8_t { absent, chunked, unknown, malformed };

/// What all Transfer-Encoding lines say together.
Coding transfer_coding(Fields const& fields) {
    if (!fields.has(FieldId::transfer_encoding)) return Coding::absent;
    unsigned lines = 0;
    unsigned codings = 0;
    bool chunked_last = false;
    bool malformed = false;
    std::string_view only;
    for (Field const& field : fields.parsed()) {
        if (field.id != FieldId::transfer_encoding) continue;
        ++lines;
        only = field.value;
        for_each_element(field.value, [&](std::string_view coding) {
            ++codings;
            std::string_view const name = trim(coding.substr(0, coding.find(';')));
            bool const is_chunked = iequals(name, "chunked");
            // `chunked` ends the list, or the message has no end that all readers see (RFC 9112,
            // 6.3); it has no parameters.
            malformed = malformed || chunked_last || !is_token(name) ||
                        (is_chunked && name.size() != coding.size());
            chunked_last = is_chunked;
        });
    }
    if (lines == 1 && iequals(only, "chunked")) return Coding::chunked;
    if (malformed || codings == 0 || (codings == 1 && chunked_last)) return Coding::malformed;
    return Coding::unknown;
}

struct Length {
    bool present{false};
    std::optional<std::uint64_t> value;  // nothing: not sound
};

Length content_length(Fields const& fields) {
    Length length;
    if (!fields.has(FieldId::content_length)) return length;
    for (Field const& field : fields.parsed()) {
        if (field.id != FieldId::content_length) continue;
        length.value = length.present ? std::nullopt : parse_length(field.value);
        length.present = true;
        if (!length.value) break;
    }
    return length;
}

/// Steps that requests and responses share. `none` where no field says anything.
core::Result<Framing> sound_framing(Fields const& fields, unsigned minor_version,
                                    core::FailureKind malformed) {
    if (!fields.has_any(kFramingFields)) return Framing{};
    Coding const coding = transfer_coding(fields);
    Length const length = content_length(fields);
    if (length.present && !length.value)
        return core::Failure{malformed, "Content-Length not valid or repeated"};
    if (coding == Coding::absent) return Framing{Framing::Kind::length, *length.value};
    if (length.present)
        return core::Failure{malformed, "both Content-Length and Transfer-Encoding"};
    if (minor_version == 0) return core::Failure{malformed, "Transfer-Encoding in HTTP/1.0"};
    if (coding == Coding::malformed) return core::Failure{malformed, "Transfer-Encoding not valid"};
    if (coding == Coding::unknown)
        return core::Failure{core::FailureKind::transfer_coding_unknown,
                             "a transfer coding other than chunked"};
    return Framing{Framing::Kind::chunked};
}

bool has_content(Framing const& framing) {
    return framing.kind == Framing::Kind::chunked || framing.length > 0;
}

}  // namespace

core::Result<Framing> request_framing(RequestHead const& head) {
    auto const framing =
        sound_framing(head.fields, head.minor_version, core::FailureKind::request_malformed);
    if (!framing || !has_content(*framing)) return framing;

    Method const method = method_of(head.method);
    if (method == Method::trace)
        return core::Failure{core::FailureKind::request_malformed, "content with TRACE"};
    if (head.minor_version == 0 &&
        (method == Method::get || method == Method::head || method == Method::delete_))
        return core::Failure{core::FailureKind::request_malformed,
                             "content with GET, HEAD or DELETE in HTTP/1.0"};
    return framing;
}

core::Result<Framing> response_framing(ResponseHead const& head, bool request_was_head) {
    constexpr auto kMalformed = core::FailureKind::response_malformed;
    auto framing = sound_framing(head.fields, head.minor_version, kMalformed);
    if (!framing) return core::Failure{kMalformed, framing.error().reason};

    bool const never_content = head.status < 200 || head.status == 204;
    if (never_content) {
        // RFC 9112, 6.1: no Transfer-Encoding here, so who sends one is not to be understood.
        if (framing->kind == Framing::Kind::chunked)
            return core::Failure{kMalformed, "Transfer-Encoding in a 1xx or 204 response"};
        return Framing{Framing::Kind::none, 0, !has_content(*framing)};
    }
    if (request_was_head || head.status == 304) return Framing{};
    if (framing->kind == Framing::Kind::none) return Framing{Framing::Kind::until_close};
    return framing;
}

core::Result<void> check_host(RequestHead const& head) {
    constexpr auto kMalformed = core::FailureKind::request_malformed;
    Field const* host = nullptr;
    if (head.fields.has(FieldId::host)) {
        for (Field const& field : head.fields.parsed()) {
            if (field.id != FieldId::host) continue;
            if (host != nullptr) return core::Failure{kMalformed, "two Host fields"};
            host = &field;
        }
    }
    if (host == nullptr) {
        if (head.minor_version == 0) return {};
        return core::Failure{kMalformed, "no Host in HTTP/1.1"};
    }
    if (!valid_authority(host->value)) return core::Failure{kMalformed, "Host not valid"};
    return {};
}

core::Result<void> check_host(RequestHead const& head, Target const& target) {
    auto const host = check_host(head);
    if (!host || target.authority.empty() || !head.fields.has(FieldId::host)) return host;
    if (!same_authority(head.fields.value_of(FieldId::host), target.authority, target.is_https))
        return core::Failure{core::FailureKind::request_malformed,
                             "Host differs from the target's authority"};
    return {};
}

bool expects_continue(RequestHead const& head) {
    if (head.minor_version == 0 || !head.fields.has(FieldId::expect)) return false;
    bool found = false;
    for (Field const& field : head.fields.parsed()) {
        if (field.id != FieldId::expect) continue;
        for_each_element(field.value, [&](std::string_view expectation) {
            found = found || iequals(expectation, "100-continue");
        });
    }
    return found;
}

bool wants_keep_alive(Fields const& fields, unsigned minor_version) {
    if (fields.lists(ConnectionOption::close)) return false;
    return minor_version >= 1 || fields.lists(ConnectionOption::keep_alive);
}

}  // namespace reverse_proxy::http
