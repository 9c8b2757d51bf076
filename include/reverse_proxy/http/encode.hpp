#pragma once

#include "reverse_proxy/core/text.hpp"
#include "reverse_proxy/http/head.hpp"

#include <cstdint>
#include <string_view>

namespace reverse_proxy::http {

/// Appends the field lines of a head that are not dropped, then the added ones; without the empty
/// line. Runs of unchanged lines are copied in one go.
void append_fields(core::Text& text, Fields const& fields);

void append_field(core::Text& text, std::string_view name, std::string_view value);
void append_number(core::Text& text, std::uint64_t number);

}  // namespace reverse_proxy::http
