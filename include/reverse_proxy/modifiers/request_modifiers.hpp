#pragma once

#include "reverse_proxy/core/ip_network.hpp"
#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/core/short_text.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/http/target.hpp"
#include "reverse_proxy/telemetry/span.hpp"

#include <boost/asio/ip/address.hpp>

#include <string>
#include <vector>

namespace reverse_proxy::modifiers {

/// Who is at the other end of the client's connection.
struct Peer {
    boost::asio::ip::address address;  // unmapped (no ::ffff:)
    bool is_unix{false};  // a unix socket's peer: trusted where TRUSTED_PROXIES names `unix:`
    std::string text;     // address as text, or "unix:"
    bool trusted{false};  // by TRUSTED_PROXIES; settled once per connection
};

/// Identifiers and addresses found or made while the request was modified; they outlive the head.
struct RequestFacts {
    /// Rightmost untrusted address as text without port (for the log); the peer's own where it is
    /// not trusted or named nobody; "unix:" for a unix socket's peer.
    core::ShortText<64> client;
    char request_id[64]{};  // kept from a trusted peer where it is 1 to 64 letters, digits and
                            // `-._~:/+=@`, made otherwise (32 hex)
    unsigned request_id_size{0};
    char trace_id[32]{};  // lower-case hex
    telemetry::SpanContext span;
    bool wants_upgrade{false};
    core::ShortText<64> upgrade;  // value of Upgrade, where wants_upgrade
};

/// Trust settings, shared by all connections of a worker.
struct TrustedProxies {
    std::vector<core::IpNetwork> networks;
    bool unix_peers{false};
    [[nodiscard]] bool trusts(boost::asio::ip::address const& address) const;
};

/// Which requests make spans (docs/tracing.md).
struct TraceSampling {
    /// False: none, and traceparent's flags are passed on as they came.
    bool recording{false};
    unsigned percent{100};  // TRACE_SAMPLE_PERCENT
};

/// Runs the request's modifiers in their order; each is a function of its own in a file of its own:
/// connection_fields (RFC 9110, 7.6.1), forwarded_fields, trace_fields (X-Request-Id, traceparent),
/// max_forwards (7.6.2), via_field (7.6.3). The request head leaves without: connection fields,
/// Host, Content-Length, Transfer-Encoding, Expect (the upstream connection writes those itself),
/// imitations (see http::field_id); with: X-Forwarded-For/-Proto/-Host, X-Request-Id, traceparent,
/// Via, and `TE: trailers` with its `Connection: TE` where the client sent it and asked for no
/// upgrade. Upgrade and its Connection are left to the upstream connection.
///
/// Every member of `facts` is set anew. No allocation once its and the head's storage have grown.
void modify_request(http::RequestHead& head, http::Target const& target, Peer const& peer,
                    TrustedProxies const& trusted, core::Random& random, RequestFacts& facts,
                    TraceSampling const& sampling = {});

/// False: OPTIONS or TRACE with `Max-Forwards: 0`, which the proxy must answer itself and not send
/// on (RFC 9110, 7.6.2). To be asked before modify_request, which counts the field down.
bool may_forward(http::RequestHead const& head);

}  // namespace reverse_proxy::modifiers
