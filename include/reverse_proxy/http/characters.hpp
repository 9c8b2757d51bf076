#pragma once

#include <array>
#include <string_view>

namespace reverse_proxy::http {

constexpr bool is_digit(char c) {
    return c >= '0' && c <= '9';
}
constexpr bool is_alnum(char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

namespace detail {
constexpr std::array<bool, 256> token_table() {
    std::array<bool, 256> table{};
    for (unsigned c = 0; c < 256; ++c)
        table[c] = is_alnum(static_cast<char>(c));
    for (char const c : std::string_view{"!#$%&'*+-.^_`|~"})
        table[static_cast<unsigned char>(c)] = true;
    return table;
}
inline constexpr std::array<bool, 256> kToken = token_table();
}  // namespace detail

/// RFC 9110, 5.6.2.
constexpr bool is_token_char(char c) {
    return detail::kToken[static_cast<unsigned char>(c)];
}

constexpr bool is_token(std::string_view text) {
    for (char const c : text)
        if (!is_token_char(c)) return false;
    return !text.empty();
}

/// What a field value may hold (RFC 9110, 5.5): visible ASCII, SP, HTAB and obs-text.
constexpr bool is_field_value_char(char c) {
    auto const byte = static_cast<unsigned char>(c);
    return byte == '\t' || (byte >= 0x20 && byte != 0x7F);
}

/// Value of a hexadecimal digit, or -1.
constexpr int hex_value(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace reverse_proxy::http
