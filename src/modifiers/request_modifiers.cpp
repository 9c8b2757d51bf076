#include "reverse_proxy/modifiers/request_modifiers.hpp"

#include "modifiers/connection_fields.hpp"
#include "modifiers/forwarded_fields.hpp"
#include "modifiers/max_forwards.hpp"
#include "modifiers/trace_fields.hpp"
#include "modifiers/via_field.hpp"

namespace reverse_proxy::modifiers {

void modify_request(http::RequestHead& head, http::Target const& target, Peer const& peer,
                    TrustedProxies const& trusted, core::Random& random, RequestFacts& facts,
                    TraceSampling const& sampling) {
    // Before Host is dropped. RFC 9112, 3.2.2: an absolute target's authority goes first.
    std::string_view const authority =
        target.authority.empty() ? head.fields.value_of(http::FieldId::host) : target.authority;
    // First: what ends here must not be seen by, nor take out what is written by, the rest.
    end_connection_fields(head, facts);
    write_forwarded_fields(head.fields, authority, peer, trusted, facts);
    write_trace_fields(head.fields, peer.trusted, sampling, random, facts);
    count_down_max_forwards(head);
    write_via(head.fields, head.minor_version);
}

}  // namespace reverse_proxy::modifiers
