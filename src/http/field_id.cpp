#include "reverse_proxy/http/field_id.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <cstring>

namespace reverse_proxy::http {
namespace {

enum class Match : std::uint8_t { none, same, imitating };

template <typename Word>
[[gnu::always_inline]] inline bool same_word(std::string_view name, std::string_view known,
                                             std::size_t at) {
    constexpr auto kLower = static_cast<Word>(0x2020'2020'2020'2020);
    Word sent{};
    Word wanted{};
    std::memcpy(&sent, name.data() + at, sizeof sent);
    std::memcpy(&wanted, known.data() + at, sizeof wanted);
    return static_cast<Word>(sent | kLower) == wanted;
}

/// In words of which the last overlaps the one before. @param known  a literal, so that nothing is
/// left of this but comparisons with numbers
template <typename Word>
[[gnu::always_inline]] inline bool same_words(std::string_view name, std::string_view known) {
    for (std::size_t at = 0; at + sizeof(Word) < known.size(); at += sizeof(Word))
        if (!same_word<Word>(name, known, at)) return false;
    return same_word<Word>(name, known, known.size() - sizeof(Word));
}

/// Case-insensitive; `name` is a token as long as `known`, so that setting 0x20 gives a `-` only of
/// a `-`.
[[gnu::always_inline]] inline bool same(std::string_view name, std::string_view known) {
    if (known.size() >= 8) return same_words<std::uint64_t>(name, known);
    if (known.size() >= 4) return same_words<std::uint32_t>(name, known);
    return same_words<std::uint16_t>(name, known);
}

/// Compares a name with a known one of the same length: `known` is lower-case letters and `-`.
[[gnu::noinline]] Match match(std::string_view name, std::string_view known) {
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

/// A field that nobody gains by imitating.
struct Plain {
    std::string_view known;
    FieldId id;

    [[gnu::always_inline]] FieldId operator()(std::string_view name) const {
        return same(name, known) ? id : FieldId::other;
    }
};

/// A field that steers framing, routing or trust.
struct Guarded {
    std::string_view known;
    FieldId id;

    [[gnu::always_inline]] FieldId operator()(std::string_view name) const {
        if (same(name, known)) return id;
        // Most names differ in the first letter.
        bool const differs = (name.front() | 0x20) != known.front();
        if (differs || match(name, known) == Match::none) return FieldId::other;
        return FieldId::imitation;
    }
};

/// Asks one rule after the other, until one knows the name.
template <typename... Rules>
[[gnu::always_inline]] inline FieldId first_of(std::string_view name, Rules const&... rules) {
    FieldId found = FieldId::other;
    static_cast<void>(((found = rules(name), found != FieldId::other) || ...));
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
        return Plain{"te", FieldId::te}(name);
    case 3:
        return Plain{"via", FieldId::via}(name);
    case 4:
        return first_of(name, Plain{"host", FieldId::host}, Plain{"date", FieldId::date});
    case 5:
        return Plain{"proxy", FieldId::imitation}(name);
    case 6:
        return first_of(name, Plain{"cookie", FieldId::cookie}, Plain{"server", FieldId::server},
                        Plain{"expect", FieldId::expect});
    case 7:
        return first_of(name, Plain{"upgrade", FieldId::upgrade},
                        Plain{"trailer", FieldId::trailer});
    case 9:
        return Plain{"forwarded", FieldId::forwarded}(name);
    case 10:
        return first_of(name, Plain{"connection", FieldId::connection},
                        Plain{"user-agent", FieldId::user_agent},
                        Guarded{"keep-alive", FieldId::keep_alive},
                        Plain{"tracestate", FieldId::tracestate});
    case 11:
        return first_of(name, Plain{"traceparent", FieldId::traceparent},
                        Plain{"retry-after", FieldId::retry_after});
    case 12:
        return first_of(name, Plain{"content-type", FieldId::content_type},
                        Guarded{"max-forwards", FieldId::max_forwards},
                        Plain{"proxy-status", FieldId::proxy_status});
    case 13:
        return Plain{"authorization", FieldId::authorization}(name);
    case 14:
        return Guarded{"content-length", FieldId::content_length}(name);
    case 16:
        return Guarded{"proxy-connection", FieldId::proxy_connection}(name);
    case 17:
        return Guarded{"transfer-encoding", FieldId::transfer_encoding}(name);
    case 18:
        return Plain{"proxy-authenticate", FieldId::proxy_authenticate}(name);
    case 19:
        return Guarded{"proxy-authorization", FieldId::proxy_authorization}(name);
    default:
        return FieldId::other;
    }
}

}  // namespace

FieldId field_id(std::string_view name) {
    if (name.size() < 2) return FieldId::other;
    if ((name[0] | 0x20) != 'x') return by_length(name);
    if (name.size() == 9) return Guarded{"x-real-ip", FieldId::x_real_ip}(name);
    if (name.size() == 12) {
        FieldId const id = Guarded{"x-request-id", FieldId::x_request_id}(name);
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
