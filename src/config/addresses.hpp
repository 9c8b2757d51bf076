#pragma once

#include "config/value_text.hpp"
#include "reverse_proxy/config/settings.hpp"

#include <string_view>

namespace reverse_proxy::config {

// What --help and each mistake say is allowed.
inline constexpr std::string_view kListenForms = "host:port, [v6]:port or unix:/path";
inline constexpr std::string_view kUpstreamForm = "http://host:port[/prefix]";

/// One entry of LISTEN or ADMIN_LISTEN. An empty host (`:8000`) means every IPv4 address; address
/// literals come out in their canonical form and names in lower case, so that equal addresses
/// compare equal.
Parsed<ListenAddress> parse_listen_address(std::string_view text);

/// One entry of UPSTREAMS (RFC 3986, `http` alone). A user name or password is not shown in the
/// Problem.
Parsed<UpstreamUrl> parse_upstream_url(std::string_view text);

}  // namespace reverse_proxy::config
