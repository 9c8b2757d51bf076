#include "reverse_proxy/core/ip_network.hpp"

#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/ip/address_v6.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <span>

namespace reverse_proxy::core {

namespace ip = boost::asio::ip;

namespace {

constexpr unsigned kBitsV4 = 32;
constexpr unsigned kBitsV6 = 128;
// ::ffff:0:0/96, RFC 4291 2.5.5.2.
constexpr unsigned kMappedPrefixBits = 96;

unsigned bits_of(ip::address const& address) {
    return address.is_v4() ? kBitsV4 : kBitsV6;
}

/// Decimal, at most three digits, no sign; a leading zero would be read as octal elsewhere.
std::optional<unsigned> parse_prefix_length(std::string_view text) {
    if (text.empty() || text.size() > 3) return std::nullopt;
    if (text.size() > 1 && text.front() == '0') return std::nullopt;
    unsigned value = 0;
    for (char const c : text) {
        if (c < '0' || c > '9') return std::nullopt;
        value = value * 10 + static_cast<unsigned>(c - '0');
    }
    return value;
}

/// Four decimal octets without leading zeros and nothing else, as inet_pton(3) has it on Linux;
/// that of Windows takes `1.2.3` and `010.0.0.1` as well.
std::optional<ip::address> parse_v4(std::string_view text) {
    ip::address_v4::bytes_type octets{};
    char const* at = text.data();
    char const* const end = at + text.size();
    for (std::size_t i = 0; i < octets.size(); ++i) {
        if (i > 0 && (at == end || *at++ != '.')) return std::nullopt;
        auto const [behind, error] = std::from_chars(at, end, octets[i]);
        if (error != std::errc{} || (*at == '0' && behind - at > 1)) return std::nullopt;
        at = behind;
    }
    if (at != end) return std::nullopt;
    return ip::address_v4{octets};
}

/// Asio takes a C string, so a NUL would cut the text short; and it takes a zone (`fe80::1%eth0`).
std::optional<ip::address> parse_v6(std::string_view text) {
    constexpr std::string_view kAllowed = "0123456789abcdefABCDEF:.";
    if (text.find_first_not_of(kAllowed) != std::string_view::npos) return std::nullopt;
    std::array<char, 46> copy{};  // the longest form of an IPv6 address and a NUL
    if (text.size() >= copy.size()) return std::nullopt;
    text.copy(copy.data(), text.size());
    boost::system::error_code error;
    auto const address = ip::make_address_v6(copy.data(), error);
    if (error) return std::nullopt;
    return address;
}

void keep_leading_bits(std::span<std::uint8_t> bytes, unsigned bits) {
    for (auto& byte : bytes) {
        unsigned const kept = std::min(bits, 8U);
        byte = static_cast<std::uint8_t>(byte & (0xff00U >> kept));
        bits -= kept;
    }
}

ip::address masked(ip::address const& address, unsigned bits) {
    if (address.is_v4()) {
        auto bytes = address.to_v4().to_bytes();
        keep_leading_bits(bytes, bits);
        return ip::address_v4{bytes};
    }
    auto bytes = address.to_v6().to_bytes();
    keep_leading_bits(bytes, bits);
    return ip::address_v6{bytes};  // a scope id is left behind: ranges have none
}

}  // namespace

ip::address unmapped(ip::address const& address) {
    if (address.is_v6() && address.to_v6().is_v4_mapped())
        return ip::make_address_v4(ip::v4_mapped, address.to_v6());
    return address;
}

std::optional<ip::address> parse_address(std::string_view text) {
    return text.find(':') == std::string_view::npos ? parse_v4(text) : parse_v6(text);
}

std::string text_of(ip::address const& address) {
    if (!address.is_v4()) return address.to_string();
    std::array<char, sizeof "255.255.255.255"> text{};
    char* end = text.data();
    for (unsigned char const octet : address.to_v4().to_bytes()) {
        if (end != text.data()) *end++ = '.';
        end = std::to_chars(end, text.data() + text.size(), octet).ptr;
    }
    return {text.data(), end};
}

std::optional<IpNetwork> IpNetwork::parse(std::string_view text) {
    auto const slash = text.find('/');
    auto address = parse_address(text.substr(0, slash));
    if (!address) return std::nullopt;

    unsigned length = bits_of(*address);
    if (slash != std::string_view::npos) {
        auto const given = parse_prefix_length(text.substr(slash + 1));
        if (!given || *given > length) return std::nullopt;
        length = *given;
    }

    auto const plain = unmapped(*address);
    if (plain.is_v4() && address->is_v6()) {
        // A shorter prefix spans more than the mapped addresses and would match none of them.
        if (length < kMappedPrefixBits) return std::nullopt;
        length -= kMappedPrefixBits;
    }

    IpNetwork network;
    network.network_ = masked(plain, length);
    network.prefix_length_ = length;
    return network;
}

bool IpNetwork::contains(ip::address const& address) const {
    auto const plain = unmapped(address);
    if (plain.is_v4() != network_.is_v4()) return false;
    return masked(plain, prefix_length_) == network_;
}

std::string IpNetwork::text() const {
    auto text = text_of(network_);
    if (prefix_length_ < bits_of(network_)) text += '/' + std::to_string(prefix_length_);
    return text;
}

}  // namespace reverse_proxy::core
