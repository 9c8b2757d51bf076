#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace reverse_proxy::config {

/// Why a value was refused.
struct Problem {
    std::string what;   // "is not a whole number"
    std::string given;  // as `shown` writes it; a secret is never in it
};

template <class T> using Parsed = std::variant<T, Problem>;

/// The text in double quotes, at most 64 bytes of it, everything but visible ASCII and the blank
/// escaped: a mistake stays one line, whatever the environment holds.
std::string shown(std::string_view text);

/// Without blanks and tabs at both ends.
std::string_view trimmed(std::string_view text);

/// The entries of a comma-separated list, trimmed; empty ones are left out.
std::vector<std::string_view> list_entries(std::string_view text);

/// ASCII letters in lower case, the rest as it is.
std::string lower_case(std::string_view text);

/// Every byte is in 0x21..0x7e: no blanks, no control bytes, nothing outside ASCII.
bool is_visible_ascii(std::string_view text);

/// true/false/1/0/yes/no/on/off in any case.
Parsed<bool> parse_boolean(std::string_view text);

/// Decimal digits alone (no sign, no blank, no unit), in [min, max].
Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t min, std::uint64_t max);

}  // namespace reverse_proxy::config
