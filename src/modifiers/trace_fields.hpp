#pragma once

#include "reverse_proxy/modifiers/request_modifiers.hpp"

namespace reverse_proxy::modifiers {

/// X-Request-Id: a trusted peer's is kept where it is valid, else one is made. traceparent (W3C
/// Trace Context): passed on with a new parent id, or made; what it says is in `facts` afterwards.
void write_trace_fields(http::Fields& fields, bool trusted_peer, core::Random& random,
                        RequestFacts& facts);

}  // namespace reverse_proxy::modifiers
