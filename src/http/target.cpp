#include "reverse_proxy/http/target.hpp"

#include "reverse_proxy/core/ip_network.hpp"
#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/field_id.hpp"

#include <algorithm>

namespace reverse_proxy::http {
namespace {

constexpr std::string_view kBadEscape = "percent sign without two digits in the path";

core::Failure malformed(std::string_view reason) {
    return {core::FailureKind::request_malformed, reason};
}

bool is_target_char(char c) {
    return c > 0x20 && c < 0x7F && c != '#';
}

/// A `%` is followed by two digits (RFC 3986, 2.1): what decodes to nothing is read in as many ways
/// as there are decoders.
bool well_escaped(std::string_view path) {
    for (std::size_t at = path.find('%'); at != std::string_view::npos;
         at = path.find('%', at + 3)) {
        if (path.size() - at < 3 || hex_value(path[at + 1]) < 0 || hex_value(path[at + 2]) < 0)
            return false;
    }
    return true;
}

bool valid_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit))
        return false;
    unsigned port = 0;
    for (char const c : text)
        port = port * 10 + static_cast<unsigned>(c - '0');
    return port <= 65'535;
}

/// Unreserved characters and percent-encoded ones (RFC 3986, 2.1 and 2.3).
bool valid_name(std::string_view text) {
    for (std::size_t i = 0; i < text.size(); ++i) {
        char const c = text[i];
        if (is_alnum(c) || c == '-' || c == '.' || c == '_' || c == '~') continue;
        if (c != '%' || text.size() - i < 3 || hex_value(text[i + 1]) < 0 ||
            hex_value(text[i + 2]) < 0)
            return false;
        i += 2;
    }
    return !text.empty();
}

bool valid_v6(std::string_view text) {
    auto const address = core::parse_address(text);
    return address && address->is_v6();
}

core::Result<Target> parse_absolute(std::string_view method, std::string_view text) {
    Target target;
    target.form = Target::Form::absolute;
    if (iequals(text.substr(0, 8), "https://")) {
        target.is_https = true;
        text.remove_prefix(8);
    } else if (iequals(text.substr(0, 7), "http://")) {
        text.remove_prefix(7);
    } else {
        return malformed("target neither a path nor an http or https URI");
    }
    std::size_t const end = std::min(text.find_first_of("/?"), text.size());
    target.authority = text.substr(0, end);
    if (!valid_authority(target.authority)) return malformed("authority of the target not valid");

    target.path_and_query = text.substr(end);
    target.path = path_of(target.path_and_query);
    if (!well_escaped(target.path)) return malformed(kBadEscape);
    if (!target.path.empty()) return target;

    target.path = "/";
    if (!target.path_and_query.empty()) {
        target.slash_missing = true;
    } else if (method == "OPTIONS") {
        target.path = target.path_and_query = "*";
    } else {
        target.path_and_query = "/";
    }
    return target;
}

}  // namespace

core::Result<Target> parse_target(std::string_view method, std::string_view text) {
    if (method == "CONNECT")
        return core::Failure{core::FailureKind::method_not_supported, "CONNECT"};
    if (text.empty()) return malformed("empty target");
    if (!std::all_of(text.begin(), text.end(), is_target_char))
        return malformed("byte in the target that may not stand there");

    if (text.front() == '/') {
        std::string_view const path = path_of(text);
        if (!well_escaped(path)) return malformed(kBadEscape);
        return Target{Target::Form::origin, false, {}, text, path, false};
    }
    if (text == "*") {
        if (method != "OPTIONS") return malformed("target * with a method other than OPTIONS");
        return Target{Target::Form::asterisk, false, {}, text, text, false};
    }
    return parse_absolute(method, text);
}

std::string_view behind_user_information(std::string_view target) {
    if (target.starts_with('/')) return target;
    std::size_t const scheme_end = target.find(':');
    bool const has_scheme =
        scheme_end != std::string_view::npos && target.substr(scheme_end).starts_with("://");
    std::string_view const rest = target.substr(has_scheme ? scheme_end + 3 : 0);
    std::size_t const at = rest.substr(0, rest.find_first_of("/?#")).rfind('@');
    return at == std::string_view::npos ? target : rest.substr(at + 1);
}

Authority split_authority(std::string_view text) {
    std::size_t const from = text.starts_with('[') ? std::min(text.find(']'), text.size()) : 0;
    std::size_t const colon = text.find(':', from);
    if (colon == std::string_view::npos) return {text, {}, false};
    return {text.substr(0, colon), text.substr(colon + 1), true};
}

bool valid_authority(std::string_view text) {
    Authority const authority = split_authority(text);
    if (authority.has_port && !valid_port(authority.port)) return false;
    std::string_view const host = authority.host;
    if (!host.starts_with('[')) return valid_name(host);
    return host.ends_with(']') && valid_v6(host.substr(1, host.size() - 2));
}

bool same_authority(std::string_view a, std::string_view b, bool is_https) {
    auto const port_of = [is_https](Authority const& authority) {
        if (!authority.has_port) return is_https ? std::string_view{"443"} : "80";
        std::string_view port = authority.port;
        while (port.size() > 1 && port.front() == '0')
            port.remove_prefix(1);
        return port;
    };
    Authority const left = split_authority(a);
    Authority const right = split_authority(b);
    return iequals(left.host, right.host) && port_of(left) == port_of(right);
}

}  // namespace reverse_proxy::http
