#include "http/field_line.hpp"
#include "reverse_proxy/http/head.hpp"

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

}  // namespace

core::Result<void> parse_trailers(std::string_view bytes, HeadLimits const& limits,
                                  Fields& fields) {
    fields.clear();
    if (bytes.size() > limits.max_bytes)
        return core::Failure{core::FailureKind::head_too_large, "trailers over the limit"};
    LineReader lines{bytes};
    while (!lines.take_empty_line()) {
        Field field;
        switch (lines.take_field_line(field)) {
        case LineReader::Status::line:
            break;
        case LineReader::Status::incomplete:
            return malformed("trailers without an end");
        case LineReader::Status::malformed:
            return malformed(lines.reason());
        }
        if (fields.parsed().size() == limits.max_fields)
            return core::Failure{core::FailureKind::head_too_large, "too many trailers"};
        if (field.id == FieldId::other && is_control_name(field.name)) field.id = FieldId::control;
        field.dropped = !allowed_in_trailers(field.id);
        if (kFraming.contains(field.id)) return malformed("trailer that says a length");
        fields.append(field);
    }
    if (lines.taken() < bytes.size()) return malformed("bytes after the trailers");
    return {};
}

bool allowed_in_trailers(FieldId id) {
    // Every field that the proxy knows means something to it or to the framing; none of them is
    // meant to come late.
    return id == FieldId::other;
}

}  // namespace reverse_proxy::http
