#pragma once

#include <boost/asio/ip/address.hpp>

#include <optional>
#include <string>
#include <string_view>

namespace reverse_proxy::core {

/// An address range in CIDR form, or one address (`/32`, `/128`). IPv4-mapped IPv6 addresses
/// (`::ffff:192.0.2.1`) are treated as the IPv4 address they carry.
class IpNetwork {
public:
    /// `10.0.0.0/8`, `fd00::/8`, `192.0.2.7`, `::1`. Nothing on anything else (host bits set are
    /// accepted).
    static std::optional<IpNetwork> parse(std::string_view text);

    [[nodiscard]] bool contains(boost::asio::ip::address const& address) const;
    [[nodiscard]] std::string text() const;

private:
    boost::asio::ip::address network_;
    unsigned prefix_length_{};
};

/// The IPv4 address inside an IPv4-mapped IPv6 address; any other address unchanged.
boost::asio::ip::address unmapped(boost::asio::ip::address const& address);

/// An address in its usual text and nothing else: no port, no zone (`%eth0`).
std::optional<boost::asio::ip::address> parse_address(std::string_view text);

/// As address.to_string(), without its 1,500 instructions for an IPv4 address: one is written for
/// each connection, and behind a trusted proxy for each request.
std::string text_of(boost::asio::ip::address const& address);

}  // namespace reverse_proxy::core
