#pragma once

#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"

namespace reverse_proxy::modifiers {

/// Drops what ends at this hop (RFC 9110, 7.6.1) and what the upstream connection writes itself;
/// notes in `facts` whether the client asks to upgrade.
void end_connection_fields(http::RequestHead& head, RequestFacts& facts);
void end_connection_fields(http::ResponseHead& head);

}  // namespace reverse_proxy::modifiers
