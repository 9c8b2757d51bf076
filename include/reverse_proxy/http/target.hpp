#pragma once

#include "reverse_proxy/core/failure.hpp"

#include <cstdint>
#include <string_view>

namespace reverse_proxy::http {

/// A request target taken apart (RFC 9112, 3.2); slices of the text given, or literals.
struct Target {
    enum class Form : std::uint8_t { origin, absolute, asterisk };
    Form form{Form::origin};
    bool is_https{false};        // scheme of an absolute form
    std::string_view authority;  // of an absolute form, else ""
    /// As received; "/" for an absolute form with neither path nor query; "*" for asterisk, also
    /// where OPTIONS named an absolute form with neither (RFC 9112, 3.2.4).
    std::string_view path_and_query;
    std::string_view path;  // path_and_query up to the first '?'; "/" where that is nothing
    /// An absolute form with a query but no path (`http://h?q`): path_and_query is `?q`, and
    /// whoever sends it on writes a "/" in front.
    bool slash_missing{false};
};

/// Byte for byte, without decoding: every visible ASCII character but '#' may stand in path and
/// query. Kinds: request_malformed (fragment, blank, control or non-ASCII byte, userinfo, scheme
/// other than http and https, `*` with a method other than OPTIONS, ...), method_not_supported for
/// CONNECT.
core::Result<Target> parse_target(std::string_view method, std::string_view target);

/// What may be shown of a target that was refused: what follows the name and password that its
/// authority may hold, or all of it.
std::string_view behind_user_information(std::string_view target);

/// What stands before the first '?'.
inline std::string_view path_of(std::string_view path_and_query) {
    return path_and_query.substr(0, path_and_query.find('?'));
}

/// An authority without userinfo, taken apart at the first colon behind the host.
struct Authority {
    std::string_view host;  // with its brackets
    std::string_view port;  // without the colon
    bool has_port;
};
Authority split_authority(std::string_view text);

/// Whether `text` is `host[:port]` as in Host and in an authority without userinfo (RFC 3986,
/// 3.2.2): a name of letters, digits, `-._~` and %XX, an IPv4 address, or an IPv6 address in
/// brackets; port 0 to 65535. Stricter than the RFC: no empty host or port, no signs such as `,`
/// and `;` that would be separators in X-Forwarded-Host and Forwarded, no future kinds of address.
bool valid_authority(std::string_view text);

/// Whether two valid authorities are the same place for this scheme: case aside, and the default
/// port (80, 443) left out or not.
bool same_authority(std::string_view a, std::string_view b, bool is_https);

}  // namespace reverse_proxy::http
