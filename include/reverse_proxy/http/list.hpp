#pragma once

#include <cstddef>
#include <string_view>

namespace reverse_proxy::http {

/// Without the blanks (SP, HTAB) around it.
constexpr std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

/// Calls `visit` with each element of a comma-separated list of tokens (RFC 9110, 5.6.1), trimmed;
/// empty elements are skipped. Not for lists that may hold quoted strings.
/// @return how many elements there are, with the empty ones
template <typename Visit> std::size_t for_each_element(std::string_view list, Visit&& visit) {
    for (std::size_t count = 1;; ++count) {
        auto const comma = list.find(',');
        std::string_view const element = trim(list.substr(0, comma));
        if (!element.empty()) visit(element);
        if (comma == std::string_view::npos) return count;
        list.remove_prefix(comma + 1);
    }
}

}  // namespace reverse_proxy::http
