#include "config/addresses.hpp"

#include "reverse_proxy/core/ip_network.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <optional>
#include <utility>

namespace reverse_proxy::config {

namespace {

constexpr std::uint64_t kMaxPort = 65'535;
constexpr std::uint16_t kHttpPort = 80;  // RFC 9110 4.2.1
// sockaddr_un holds 108 bytes, the closing NUL among them (unix(7)).
constexpr std::size_t kMaxUnixPathBytes = 107;
// RFC 1035 2.3.4, as text.
constexpr std::size_t kMaxNameBytes = 253;
constexpr std::size_t kMaxLabelBytes = 63;

std::string bracketed(std::string const& host) {
    return host.find(':') == std::string::npos ? host : '[' + host + ']';
}

/// The text as `shown`, with what stands before an '@' hidden: it may be a password.
std::string shown_url(std::string_view text) {
    auto const at = text.rfind('@');
    if (at == std::string_view::npos) return shown(text);
    auto const scheme_end = text.find("://");
    auto const start = scheme_end < at ? scheme_end + 3 : 0;
    return shown(std::string{text.substr(0, start)} + "***" + std::string{text.substr(at)});
}

/// An address literal in its canonical form. Other hosts give nothing.
std::optional<std::string> canonical_address(std::string_view host) {
    if (auto const plain = core::parse_address(host)) return core::text_of(*plain);
    // A zone. A NUL would end the C string that Asio makes of it.
    if (host.find('%') == std::string_view::npos || !is_visible_ascii(host)) return std::nullopt;
    boost::system::error_code error;
    auto const address = boost::asio::ip::make_address_v6(std::string{host}, error);
    if (error) return std::nullopt;
    return address.to_string();
}

bool is_label(std::string_view label) {
    constexpr std::string_view allowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return !label.empty() && label.size() <= kMaxLabelBytes &&
           label.find_first_not_of(allowed) == std::string_view::npos;
}

/// Empty where the host can be looked up, else what is wrong with it. `_` is let through: container
/// networks use it in names.
std::string_view host_name_problem(std::string_view host) {
    if (host.size() > kMaxNameBytes) return "has a host name of more than 253 bytes";
    if (!host.empty() && host.back() == '.') host.remove_suffix(1);
    std::string_view label;
    for (auto rest = host;; rest.remove_prefix(label.size() + 1)) {
        label = rest.substr(0, rest.find('.'));
        if (!is_label(label)) return "has a host that is neither an address nor a name";
        if (label.size() == rest.size()) break;
    }
    // Such a host is a mistyped address for every resolver (URL Standard, "ends in a number").
    if (label.find_first_not_of("0123456789") == std::string_view::npos)
        return "has a host that looks like an IPv4 address but is none";
    return {};
}

Parsed<ListenAddress> parse_unix_path(std::string_view text, std::string_view path) {
    if (path.empty() || path.front() != '/')
        return Problem{"names a socket by no absolute path", shown(text)};
    if (path.size() > kMaxUnixPathBytes)
        return Problem{"names a socket path of more than 107 bytes", shown(text)};
    bool const has_control = std::any_of(path.begin(), path.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (has_control) return Problem{"holds a control byte", shown(text)};
    ListenAddress address;
    address.unix_path = path;
    return address;
}

/// The two sides of the colon before the port; the brackets of an IPv6 literal are kept.
std::optional<std::pair<std::string_view, std::string_view>>
split_host_and_port(std::string_view text) {
    auto const colon = text.rfind(':');
    if (colon == std::string_view::npos) return std::nullopt;
    return std::pair{text.substr(0, colon), text.substr(colon + 1)};
}

/// The host alone, without a port. Empty `problem` where it is fine.
struct Host {
    std::string text;
    bool is_address{};
    std::string_view problem;
};

Host parse_host(std::string_view text) {
    bool const is_bracketed = text.size() >= 2 && text.front() == '[' && text.back() == ']';
    if (is_bracketed) text = text.substr(1, text.size() - 2);
    bool const has_colon = text.find(':') != std::string_view::npos;
    if (is_bracketed != has_colon)
        return {"", false, "has an IPv6 address without brackets, or brackets around another host"};
    if (auto address = canonical_address(text)) return {std::move(*address), true, {}};
    if (has_colon) return {"", false, "has brackets around what is no IPv6 address"};
    return {lower_case(text), false, host_name_problem(text)};
}

/// Empty where the proxy can use this URL, else the first thing that stands against it.
std::string_view url_problem(boost::urls::url_view const& url) {
    if (lower_case(url.scheme()) != "http") return "has a scheme other than http";
    if (url.has_userinfo()) return "holds a user name or password";
    if (url.has_query()) return "holds a query";
    if (url.has_fragment()) return "holds a fragment";
    if (!url.has_authority() || url.encoded_host().empty()) return "has no host";
    // Boost 1.81 ends the authority where the port's digits end and takes the rest for a path.
    if (auto const path = url.encoded_path(); !path.empty() && path.front() != '/')
        return "has something after its host that is neither a port nor a path";
    if (url.has_port() && url.port().empty()) return "has a colon but no port after it";
    return {};
}

}  // namespace

std::string ListenAddress::text() const {
    if (is_unix()) return "unix:" + unix_path;
    return bracketed(host) + ':' + std::to_string(port);
}

std::string UpstreamUrl::text() const {
    return "http://" + authority + prefix;
}

Parsed<ListenAddress> parse_listen_address(std::string_view text) {
    constexpr std::string_view unix_scheme = "unix:";
    if (text.substr(0, unix_scheme.size()) == unix_scheme)
        return parse_unix_path(text, text.substr(unix_scheme.size()));

    auto const parts = split_host_and_port(text);
    if (!parts) return Problem{"has no port", shown(text)};
    auto const port = parse_number(parts->second, 0, kMaxPort);
    if (!std::holds_alternative<std::uint64_t>(port))
        return Problem{"has a port that is not a number from 0 to 65535", shown(text)};

    auto host = parse_host(parts->first.empty() ? "0.0.0.0" : parts->first);
    if (!host.problem.empty()) return Problem{std::string{host.problem}, shown(text)};
    ListenAddress address;
    address.host = std::move(host.text);
    address.port = static_cast<std::uint16_t>(std::get<std::uint64_t>(port));
    return address;
}

Parsed<UpstreamUrl> parse_upstream_url(std::string_view text) {
    auto const refused = [text](std::string_view what) {
        return Problem{std::string{what}, shown_url(text)};
    };
    if (!is_visible_ascii(text)) return refused("holds a blank, a control or a non-ASCII byte");
    if (text.find("://") == std::string_view::npos) return refused("has no http:// in front");
    auto const parsed = boost::urls::parse_uri(text);
    if (!parsed) return refused("is not a URL");
    if (auto const problem = url_problem(*parsed); !problem.empty()) return refused(problem);

    auto host = parse_host(parsed->encoded_host());
    if (!host.problem.empty()) return refused(host.problem);
    UpstreamUrl url;
    url.host = std::move(host.text);
    url.host_is_address = host.is_address;
    url.port = kHttpPort;
    if (parsed->has_port()) {
        auto const port = parse_number(parsed->port(), 1, kMaxPort);
        if (!std::holds_alternative<std::uint64_t>(port))
            return refused("has a port that is not a number from 1 to 65535");
        url.port = static_cast<std::uint16_t>(std::get<std::uint64_t>(port));
    }
    url.prefix = std::string_view{parsed->encoded_path()};
    while (!url.prefix.empty() && url.prefix.back() == '/')
        url.prefix.pop_back();
    url.authority = bracketed(url.host);
    if (url.port != kHttpPort) url.authority += ':' + std::to_string(url.port);
    return url;
}

}  // namespace reverse_proxy::config
