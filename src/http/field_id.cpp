#include "reverse_proxy/http/field_id.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <cstring>

namespace reverse_proxy::http {
namespace {

enum class Match : std::uint8_t { none, same, imitating };

/// Case-insensitive; `name` is a token, so that setting 0x20 gives a `-` only of a `-`.
[[gnu::always_inline]] inline bool same(std::string_view name, std::string_view known) {
    constexpr std::uint64_t kLower = 0x2020'2020'2020'2020;
    auto const word = [](char const* at) {
        std::uint64_t value = 0;
        std::memcpy(&value, at, sizeof value);
        return value;
    };
    std::size_t at = 0;
    for (; known.size() - at >= 8; at += 8)
        if ((word(name.data() + at) | kLower) != word(known.data() + at)) return false;
    for (; at < known.size(); ++at)
        if ((name[at] | 0x20) != known[at]) return false;
    return true;
}

/// Compares a name with a known one of the same length: `known` is lower-case letters and `-`.
/// Nearly all calls end in its first line.
Match match(std::string_view name, std::string_view known) {
    if (same(name, known)) return Match::same;
    bool imitating = false;
    for (std::size_t i = 0; i < known.size(); ++i) {
        char const c = name[i];
        if (known[i] != '-') {
            // Only a letter and its capital give this letter when 0x20 is set.
            if ((c | 0x20) != known[i]) return Match::none;
        } else if (c != '-') {
            if (is_alnum(c)) return Match::none;
            imitating = true;
        }
    }
    return imitating ? Match::imitating : Match::same;
}

/// Most names differ in the first letter.
inline bool may_match(std::string_view name, std::string_view known) {
    return (name.front() | 0x20) == known.front();
}

/// For fields that nobody gains by imitating.
inline FieldId plain(std::string_view name, std::string_view known, FieldId id) {
    if (!may_match(name, known)) return FieldId::other;
    return match(name, known) == Match::same ? id : FieldId::other;
}

/// For fields that steer framing, routing or trust.
inline FieldId guarded(std::string_view name, std::string_view known, FieldId id) {
    if (!may_match(name, known)) return FieldId::other;
    switch (match(name, known)) {
    case Match::same:
        return id;
    case Match::imitating:
        return FieldId::imitation;
    case Match::none:
        break;
    }
    return FieldId::other;
}

/// The first that is not `other`.
template <typename... Ids> constexpr FieldId first_of(Ids... ids) {
    FieldId found = FieldId::other;
    static_cast<void>(((found = ids, found != FieldId::other) || ...));
    return found;
}

/// X-Forwarded itself and X-Forwarded-<anything>.
FieldId forwarded_family(std::string_view name) {
    constexpr std::string_view kStem = "x-forwarded";
    if (name.size() < kStem.size()) return FieldId::other;
    Match const stem = match(name, kStem);
    if (stem == Match::none) return FieldId::other;
    if (name.size() > kStem.size() && is_alnum(name[kStem.size()])) return FieldId::other;
    for (char const c : name)
        if (c != '-' && !is_alnum(c)) return FieldId::imitation;
    std::string_view const rest = name.substr(kStem.size());
    if (iequals(rest, "-for")) return FieldId::x_forwarded_for;
    if (iequals(rest, "-host")) return FieldId::x_forwarded_host;
    if (iequals(rest, "-proto")) return FieldId::x_forwarded_proto;
    return FieldId::x_forwarded;
}

FieldId by_length(std::string_view name) {
    switch (name.size()) {
    case 2:
        return plain(name, "te", FieldId::te);
    case 3:
        return plain(name, "via", FieldId::via);
    case 4:
        return first_of(plain(name, "host", FieldId::host), plain(name, "date", FieldId::date));
    case 5:
        return plain(name, "proxy", FieldId::imitation);
    case 6:
        return first_of(plain(name, "cookie", FieldId::cookie),
                        plain(name, "server", FieldId::server),
                        plain(name, "expect", FieldId::expect));
    case 7:
        return first_of(plain(name, "upgrade", FieldId::upgrade),
                        plain(name, "trailer", FieldId::trailer));
    case 9:
        return plain(name, "forwarded", FieldId::forwarded);
    case 10:
        return first_of(plain(name, "connection", FieldId::connection),
                        plain(name, "user-agent", FieldId::user_agent),
                        guarded(name, "keep-alive", FieldId::keep_alive),
                        plain(name, "tracestate", FieldId::tracestate));
    case 11:
        return first_of(plain(name, "traceparent", FieldId::traceparent),
                        plain(name, "retry-after", FieldId::retry_after));
    case 12:
        return first_of(plain(name, "content-type", FieldId::content_type),
                        guarded(name, "max-forwards", FieldId::max_forwards),
                        plain(name, "proxy-status", FieldId::proxy_status));
    case 13:
        return plain(name, "authorization", FieldId::authorization);
    case 14:
        return guarded(name, "content-length", FieldId::content_length);
    case 16:
        return guarded(name, "proxy-connection", FieldId::proxy_connection);
    case 17:
        return guarded(name, "transfer-encoding", FieldId::transfer_encoding);
    case 18:
        return plain(name, "proxy-authenticate", FieldId::proxy_authenticate);
    case 19:
        return guarded(name, "proxy-authorization", FieldId::proxy_authorization);
    default:
        return FieldId::other;
    }
}

}  // namespace

FieldId field_id(std::string_view name) {
    if (name.size() < 2) return FieldId::other;
    if ((name[0] | 0x20) != 'x') return by_length(name);
    if (name.size() == 9) return guarded(name, "x-real-ip", FieldId::x_real_ip);
    if (name.size() == 12) {
        FieldId const id = guarded(name, "x-request-id", FieldId::x_request_id);
        if (id != FieldId::other) return id;
    }
    return forwarded_family(name);
}

bool iequals(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    for (std::size_t i = 0; i < a.size(); ++i) {
        char const x = a[i];
        char const y = b[i];
        if (x == y) continue;
        // Capitals and small letters differ in 0x20; other signs that do are no letters.
        if ((x ^ y) != 0x20) return false;
        char const lower = static_cast<char>(x | 0x20);
        if (lower < 'a' || lower > 'z') return false;
    }
    return true;
}

}  // namespace reverse_proxy::http
