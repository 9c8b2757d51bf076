#pragma once

#include "reverse_proxy/http/head.hpp"

namespace reverse_proxy::modifiers {

/// Adds this proxy to Via (RFC 9110, 7.6.3) with the version the message was received in. A line of
/// its own after those that came: lines of one name are one list (5.3).
void write_via(http::Fields& fields, unsigned minor_version);

}  // namespace reverse_proxy::modifiers
