#pragma once

#include "reverse_proxy/http/head.hpp"

#include <string>
#include <string_view>

namespace reverse_proxy::http {

/// What Connection names in a head also ends at this hop where it comes among the trailers (RFC
/// 9110, 7.6.1), and by then the head is gone. Sets `options` to the named fields, comma-separated;
/// empty in the ordinary case. For messages with chunked content.
void collect_connection_options(Fields const& head, std::string& options);
/// Marks the trailers that `options` names as dropped. What may never be a trailer was marked by
/// parse_trailers.
void drop_connection_options(Fields& trailers, std::string_view options);

}  // namespace reverse_proxy::http
