#pragma once

#include "config/addresses.hpp"
#include "config/settings_table.hpp"

#include <chrono>
#include <type_traits>
#include <utility>

namespace reverse_proxy::config {

/// A thousand and twenty-four: more than anybody lists by hand, few enough to report on one screen.
inline constexpr std::size_t kMaxListEntries = 1024;

inline constexpr std::string_view kBooleanForms = "true, false, 1, 0, yes, no, on or off";

// Each function below completes a row that holds group, name, range, forms and help: it adds how
// the member behind it is read and written out. `Part` is the room's struct in Settings, `Member`
// the setting in it.

template <auto Part, auto Member> auto& member_of(Settings& settings) {
    return settings.*Part.*Member;
}

template <auto Part, auto Member> auto const& member_of(Settings const& settings) {
    return settings.*Part.*Member;
}

/// A count, or a duration in the unit of its type.
template <auto Part, auto Member> constexpr Setting number(Setting row) {
    using Value =
        std::remove_reference_t<decltype(member_of<Part, Member>(std::declval<Settings&>()))>;
    row.kind = Kind::number;
    if constexpr (std::is_same_v<Value, milliseconds>) row.unit = "ms";
    if constexpr (std::is_same_v<Value, seconds>) row.unit = "s";
    row.read = [](Setting const& self, std::string_view text, Settings& settings) {
        auto parsed = parse_number(trimmed(text), self.min, self.max);
        if (auto* problem = std::get_if<Problem>(&parsed))
            return std::vector<Problem>{std::move(*problem)};
        auto const value = std::get<std::uint64_t>(parsed);
        if constexpr (std::is_integral_v<Value>)
            member_of<Part, Member>(settings) = static_cast<Value>(value);
        else
            member_of<Part, Member>(settings) = Value{static_cast<typename Value::rep>(value)};
        return std::vector<Problem>{};
    };
    row.value = [](Settings const& settings) -> SettingValue {
        auto const value = member_of<Part, Member>(settings);
        if constexpr (std::is_integral_v<Value>)
            return std::uint64_t{value};
        else
            return static_cast<std::uint64_t>(value.count());
    };
    return row;
}

template <auto Part, auto Member> constexpr Setting boolean(Setting row) {
    row.kind = Kind::boolean;
    row.forms = kBooleanForms;
    row.read = [](Setting const&, std::string_view text, Settings& settings) {
        auto parsed = parse_boolean(trimmed(text));
        if (auto* problem = std::get_if<Problem>(&parsed))
            return std::vector<Problem>{std::move(*problem)};
        member_of<Part, Member>(settings) = std::get<bool>(parsed);
        return std::vector<Problem>{};
    };
    row.value = [](Settings const& settings) -> SettingValue {
        return member_of<Part, Member>(settings);
    };
    return row;
}

/// One of the words in `forms`, in any case; kept in lower case.
template <auto Part, auto Member> constexpr Setting choice(Setting row) {
    row.kind = Kind::text;
    row.read = [](Setting const& self, std::string_view text, Settings& settings) {
        auto word = lower_case(trimmed(text));
        for (auto const known : list_entries(self.forms)) {
            if (word != known) continue;
            member_of<Part, Member>(settings) = std::move(word);
            return std::vector<Problem>{};
        }
        return std::vector<Problem>{{"is not a known word", shown(text)}};
    };
    row.value = [](Settings const& settings) -> SettingValue {
        return member_of<Part, Member>(settings);
    };
    return row;
}

/// Reads each entry of a list with `parse`; one Problem for each entry that is wrong, and then
/// `out` is left as it is.
template <class T>
std::vector<Problem> read_list(std::string_view text, Parsed<T> (*parse)(std::string_view),
                               std::vector<T>& out) {
    auto const entries = list_entries(text);
    if (entries.empty()) return {{"lists nothing", shown(text)}};
    if (entries.size() > kMaxListEntries)
        return {{"lists more than 1024 entries", std::to_string(entries.size()) + " entries"}};
    std::vector<T> values;
    std::vector<Problem> problems;
    for (auto const entry : entries) {
        auto parsed = parse(entry);
        if (auto* problem = std::get_if<Problem>(&parsed))
            problems.push_back(std::move(*problem));
        else
            values.push_back(std::move(std::get<T>(parsed)));
    }
    if (problems.empty()) out = std::move(values);
    return problems;
}

/// `a,b` of what each entry's text() gives.
template <class T> std::string joined(std::vector<T> const& entries) {
    std::string out;
    for (auto const& entry : entries) {
        if (!out.empty()) out += ',';
        out += entry.text();
    }
    return out;
}

/// A list whose entries `Parse` reads and text() writes.
template <auto Part, auto Member, auto Parse> constexpr Setting list(Setting row) {
    row.kind = Kind::list;
    row.read = [](Setting const&, std::string_view text, Settings& settings) {
        return read_list(text, Parse, member_of<Part, Member>(settings));
    };
    row.value = [](Settings const& settings) -> SettingValue {
        return joined(member_of<Part, Member>(settings));
    };
    return row;
}

/// TRUSTED_PROXIES: the word `unix:` in it sets trust_unix_peers.
std::vector<Problem> read_trusted_proxies(Setting const&, std::string_view text,
                                          Settings& settings);
SettingValue trusted_proxies_value(Settings const& settings);

/// HEALTHCHECK_PATH: a request target in origin form (RFC 9112 3.2.1).
std::vector<Problem> read_healthcheck_path(Setting const&, std::string_view text,
                                           Settings& settings);

/// METRICS_BEARER_TOKEN: visible ASCII, so that a field value can carry it.
std::vector<Problem> read_bearer_token(Setting const&, std::string_view text, Settings& settings);

/// OTLP_ENDPOINT: a URL as in UPSTREAMS.
std::vector<Problem> read_otlp_endpoint(Setting const&, std::string_view text, Settings& settings);

/// OTLP_HEADERS: as OpenTelemetry's OTEL_EXPORTER_OTLP_HEADERS, percent-encoding included.
std::vector<Problem> read_otlp_headers(Setting const&, std::string_view text, Settings& settings);

}  // namespace reverse_proxy::config
