#pragma once

#include "reverse_proxy/modifiers/request_modifiers.hpp"

namespace reverse_proxy::modifiers {

/// X-Request-Id: a trusted peer's is kept where it is valid, else one is made. traceparent (W3C
/// Trace Context): passed on with a new parent id, or made; what it says is in `facts` afterwards.
/// The parent id sent is that of the first attempt's span.
void write_trace_fields(http::Fields& fields, bool trusted_peer, TraceSampling const& sampling,
                        core::Random& random, RequestFacts& facts);

}  // namespace reverse_proxy::modifiers
