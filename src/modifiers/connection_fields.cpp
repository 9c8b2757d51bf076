#include "modifiers/connection_fields.hpp"

#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/connection_options.hpp"
#include "reverse_proxy/http/list.hpp"

#include <algorithm>

namespace reverse_proxy::modifiers {
namespace {

using http::ConnectionOption;
using http::FieldId;
using http::FieldSet;
using http::iequals;

constexpr FieldSet kRequestEndsHere{
    FieldId::connection, FieldId::keep_alive,        FieldId::proxy_connection,
    FieldId::te,         FieldId::transfer_encoding, FieldId::upgrade,
    FieldId::host,       FieldId::content_length,    FieldId::expect,
    FieldId::imitation};
constexpr FieldSet kResponseEndsHere{FieldId::connection, FieldId::keep_alive,
                                     FieldId::proxy_connection, FieldId::te,
                                     FieldId::transfer_encoding};

/// Fields that stay under their own rules even where Connection names them: a client must not be
/// able to make this proxy take out what frames the message, says who sent it, or was put in by a
/// trusted proxy in front.
constexpr FieldSet kNotForNaming{FieldId::connection,
                                 FieldId::content_length,
                                 FieldId::date,
                                 FieldId::forwarded,
                                 FieldId::host,
                                 FieldId::max_forwards,
                                 FieldId::traceparent,
                                 FieldId::tracestate,
                                 FieldId::trailer,
                                 FieldId::transfer_encoding,
                                 FieldId::upgrade,
                                 FieldId::via,
                                 FieldId::x_forwarded,
                                 FieldId::x_forwarded_for,
                                 FieldId::x_forwarded_host,
                                 FieldId::x_forwarded_proto,
                                 FieldId::x_real_ip,
                                 FieldId::x_request_id};

/// The parser lets no head through that names more options than it may have fields.
void drop_named(http::Fields& fields, std::string_view options) {
    http::for_each_element(options, [&](std::string_view option) {
        if (http::connection_option(option) != ConnectionOption::field ||
            kNotForNaming.contains(http::field_id(option)))
            return;
        for (http::Field& field : fields.parsed())
            if (!field.dropped && iequals(field.name, option)) field.dropped = true;
    });
}

template <typename Visit> void for_each_line(http::Fields const& fields, FieldId id, Visit visit) {
    if (!fields.has(id)) return;
    for (http::Field const& field : fields.parsed())
        if (field.id == id) visit(field.value);
}

/// TE: trailers (RFC 9110, 10.1.4).
bool takes_trailers(http::Fields const& fields) {
    bool found = false;
    for_each_line(fields, FieldId::te, [&](std::string_view value) {
        http::for_each_element(value, [&](std::string_view element) {
            found = found || iequals(element, "trailers");
        });
    });
    return found;
}

void drop_all_named(http::Fields& fields) {
    if (!fields.lists(ConnectionOption::field)) return;
    for_each_line(fields, FieldId::connection,
                  [&](std::string_view value) { drop_named(fields, value); });
}

/// One protocol, as in `websocket` or `SPDY/3.1`. Not HTTP/2 and TLS: their upgrade would carry
/// requests past this proxy's eyes (RFC 9113, 3.1 has withdrawn h2c).
bool may_tunnel(std::string_view protocol) {
    if (protocol.empty() || protocol.size() > 64) return false;
    bool const well_formed = std::all_of(protocol.begin(), protocol.end(),
                                         [](char c) { return c == '/' || http::is_token_char(c); });
    std::string_view const name = protocol.substr(0, protocol.find('/'));
    return well_formed && !iequals(name, "h2c") && !iequals(name, "h2") && !iequals(name, "http") &&
           !iequals(name, "tls");
}

void note_upgrade(http::RequestHead const& head, RequestFacts& facts) {
    facts.wants_upgrade = false;
    facts.upgrade.clear();
    // RFC 9110, 7.8: ignored in HTTP/1.0, and meant only where Connection names it too.
    if (head.minor_version == 0 || !head.fields.has(FieldId::upgrade)) return;
    unsigned lines = 0;
    std::string_view protocol;
    for_each_line(head.fields, FieldId::upgrade, [&](std::string_view value) {
        ++lines;
        protocol = value;
    });
    if (lines != 1 || !may_tunnel(protocol)) return;
    if (!head.fields.lists(ConnectionOption::upgrade)) return;
    facts.wants_upgrade = true;
    facts.upgrade.assign(protocol);
}

}  // namespace

void end_connection_fields(http::RequestHead& head, RequestFacts& facts) {
    http::Fields& fields = head.fields;
    note_upgrade(head, facts);
    drop_all_named(fields);
    fields.drop(kRequestEndsHere);
    // RFC 9110, 10.1.4: trailers can be received, as they are passed on; no other coding can.
    if (fields.has(FieldId::te) && head.minor_version > 0 && !facts.wants_upgrade &&
        takes_trailers(fields)) {
        fields.add("TE", "trailers");
        fields.add("Connection", "TE");
    }
}

void end_connection_fields(http::ResponseHead& head) {
    drop_all_named(head.fields);
    head.fields.drop(kResponseEndsHere);
    if (head.status != 101) head.fields.drop(FieldId::upgrade);
}

}  // namespace reverse_proxy::modifiers
