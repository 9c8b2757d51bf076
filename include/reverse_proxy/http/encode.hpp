#pragma once

#include "reverse_proxy/http/head.hpp"

#include <string>

namespace reverse_proxy::http {

/// Appends the field lines of a head that are not dropped, then the added ones; without the empty
/// line. Runs of unchanged lines are copied in one go.
void append_fields(std::string& text, Fields const& fields);

void append_field(std::string& text, std::string_view name, std::string_view value);
void append_number(std::string& text, std::uint64_t number);

}  // namespace reverse_proxy::http
