#pragma once

#include "reverse_proxy/modifiers/request_modifiers.hpp"

#include <string_view>

namespace reverse_proxy::modifiers {

/// Says to the origin who the client is: X-Forwarded-For, -Proto and -Host. What an untrusted peer
/// sent of the kind is dropped; what a trusted one sent is kept where it is valid.
///
/// @param authority  the client's (of an absolute target, else Host); "" where HTTP/1.0 named none
void write_forwarded_fields(http::Fields& fields, std::string_view authority, Peer const& peer,
                            TrustedProxies const& trusted, RequestFacts& facts);

}  // namespace reverse_proxy::modifiers
