#include "config/value_text.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

namespace reverse_proxy::config {

namespace {

constexpr std::size_t kMaxShownBytes = 64;

void append_escaped(std::string& out, char c) {
    auto const byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte > 0x7e) {
        constexpr std::string_view digits = "0123456789abcdef";
        out += {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        return;
    }
    if (c == '"' || c == '\\') out += '\\';
    out += c;
}

char lower(char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

}  // namespace

std::string shown(std::string_view text) {
    std::string out{'"'};
    for (char const c : text.substr(0, kMaxShownBytes))
        append_escaped(out, c);
    out += '"';
    if (text.size() > kMaxShownBytes) out += "... (" + std::to_string(text.size()) + " bytes)";
    return out;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view blanks = " \t";
    auto const first = text.find_first_not_of(blanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

std::vector<std::string_view> list_entries(std::string_view text) {
    std::vector<std::string_view> entries;
    while (!text.empty()) {
        auto const comma = std::min(text.find(','), text.size());
        auto const entry = trimmed(text.substr(0, comma));
        if (!entry.empty()) entries.push_back(entry);
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return entries;
}

std::string lower_case(std::string_view text) {
    std::string out{text};
    std::transform(out.begin(), out.end(), out.begin(), lower);
    return out;
}

bool is_visible_ascii(std::string_view text) {
    return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7f; });
}

Parsed<bool> parse_boolean(std::string_view text) {
    auto const word = lower_case(text);
    if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
    if (word == "false" || word == "0" || word == "no" || word == "off") return false;
    return Problem{"is not a boolean", shown(text)};
}

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t min, std::uint64_t max) {
    std::uint64_t value = 0;
    // from_chars on an unsigned type takes digits alone: no sign, no blank, no 0x.
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    bool const is_number = error != std::errc::invalid_argument && end == text.data() + text.size();
    if (!is_number) return Problem{"is not a whole number", shown(text)};
    if (error == std::errc::result_out_of_range || value > max)
        return Problem{"is too large", shown(text)};
    if (value < min) return Problem{"is too small", shown(text)};
    return value;
}

}  // namespace reverse_proxy::config
