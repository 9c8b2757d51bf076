#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/http/list.hpp"

#include <algorithm>
#include <array>

namespace reverse_proxy::http {
namespace {

core::Failure malformed(std::string_view reason) {
    return {core::FailureKind::request_malformed, reason};
}

/// Fields beside those with an identifier of their own that say how the message is to be read,
/// routed, cached or trusted (RFC 9110, 6.5.1). `Content-*` and `If-*` are covered by their stem.
constexpr std::array<std::string_view, 26> kControlNames{"accept-ranges",
                                                         "age",
                                                         "allow",
                                                         "alt-svc",
                                                         "authentication-info",
                                                         "cache-control",
                                                         "clear-site-data",
                                                         "early-data",
                                                         "expires",
                                                         "http2-settings",
                                                         "location",
                                                         "origin",
                                                         "pragma",
                                                         "proxy-authentication-info",
                                                         "range",
                                                         "set-cookie",
                                                         "set-cookie2",
                                                         "strict-transport-security",
                                                         "true-client-ip",
                                                         "upgrade-insecure-requests",
                                                         "vary",
                                                         "warning",
                                                         "www-authenticate",
                                                         "x-client-ip",
                                                         "x-http-method-override",
                                                         "x-original-url"};

/// Nobody has reason to send these late, and who merges trailers would read another message.
constexpr FieldSet kFraming{FieldId::content_length, FieldId::transfer_encoding};

bool is_control_name(std::string_view name) {
    if (iequals(name.substr(0, 8), "content-") || iequals(name.substr(0, 3), "if-")) return true;
    return std::any_of(kControlNames.begin(), kControlNames.end(),
                       [&](std::string_view known) { return iequals(name, known); });
}

/// `line` is one field line with its CRLF.
core::Result<Field> parse_line(std::string_view line) {
    if (!line.ends_with("\r\n")) return malformed("bare LF among the trailers");
    std::string_view const text = line.substr(0, line.size() - 2);
    std::size_t const colon = text.find(':');
    if (colon == std::string_view::npos) return malformed("trailer without a colon");
    std::string_view const name = text.substr(0, colon);
    if (!is_token(name)) return malformed("trailer name is no token");
    std::string_view const rest = text.substr(colon + 1);
    if (!std::all_of(rest.begin(), rest.end(), is_field_value_char))
        return malformed("control byte in a trailer");

    std::string_view const value = trim(rest);
    FieldId id = field_id(name);
    if (id == FieldId::other && is_control_name(name)) id = FieldId::control;
    bool const canonical = rest.size() == value.size() + 1 && rest.front() == ' ';
    return Field{name, value, line, id, !allowed_in_trailers(id), canonical};
}

}  // namespace

core::Result<void> parse_trailers(std::string_view bytes, HeadLimits const& limits,
                                  Fields& fields) {
    fields.clear();
    if (bytes.size() > limits.max_bytes)
        return core::Failure{core::FailureKind::head_too_large, "trailers over the limit"};
    while (!bytes.empty()) {
        std::size_t const lf = bytes.find('\n');
        if (lf == std::string_view::npos) break;
        std::string_view const line = bytes.substr(0, lf + 1);
        bytes.remove_prefix(line.size());
        if (line == "\r\n") {
            if (bytes.empty()) return {};
            return malformed("bytes after the trailers");
        }
        if (fields.parsed().size() == limits.max_fields)
            return core::Failure{core::FailureKind::head_too_large, "too many trailers"};
        // A folded line begins with a blank, so its name is no token.
        auto const field = parse_line(line);
        if (!field) return field.error();
        if (kFraming.contains(field->id)) return malformed("trailer that says a length");
        fields.append(*field);
    }
    return malformed("trailers without an end");
}

bool allowed_in_trailers(FieldId id) {
    // Every field that the proxy knows means something to it or to the framing; none of them is
    // meant to come late.
    return id == FieldId::other;
}

}  // namespace reverse_proxy::http
