#pragma once

#include "reverse_proxy/http/head.hpp"

#include <string_view>

namespace reverse_proxy::test_support {

/// Calls `visit(name, value)` for each field that a modifier added.
template <typename Visit> void for_each_added(http::Fields const& fields, Visit visit) {
    std::string_view rest = fields.added_lines();
    while (!rest.empty()) {
        std::string_view const line = rest.substr(0, rest.find("\r\n"));
        std::size_t const colon = line.find(": ");
        visit(line.substr(0, colon), line.substr(colon + 2));
        rest.remove_prefix(line.size() + 2);
    }
}

}  // namespace reverse_proxy::test_support
