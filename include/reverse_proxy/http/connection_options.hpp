#pragma once

#include "reverse_proxy/http/head.hpp"

#include <string>
#include <string_view>

namespace reverse_proxy::http {

/// Options of Connection that are no field's name, or fields with rules of their own: close,
/// keep-alive, upgrade, TE.
bool names_no_field(std::string_view option);

/// What Connection names in a head also ends at this hop where it comes among the trailers (RFC
/// 9110, 7.6.1), and by then the head is gone. Sets `options` to the named fields, comma-separated;
/// empty in the ordinary case. For messages with chunked content.
void collect_connection_options(Fields const& head, std::string& options);
/// Marks the trailers that `options` names as dropped. What may never be a trailer was marked by
/// parse_trailers.
void drop_connection_options(Fields& trailers, std::string_view options);

}  // namespace reverse_proxy::http
