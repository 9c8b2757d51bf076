#pragma once

#include "reverse_proxy/http/head.hpp"

namespace reverse_proxy::modifiers {

/// Counts Max-Forwards down for OPTIONS and TRACE (RFC 9110, 7.6.2); for other methods it is just a
/// field.
void count_down_max_forwards(http::RequestHead& head);

}  // namespace reverse_proxy::modifiers
