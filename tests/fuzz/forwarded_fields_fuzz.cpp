// Who the client is: whatever comes in forwarding fields, what the origin and the log are told is a
// valid address, and the one that an independent walk through X-Forwarded-For finds.
//
// Input: one byte of choices (bits 0 and 1 the peer's kind, bit 2 trusted, bit 3 an absolute
// target), then field lines, each ended by a line feed.
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "tests/fuzz/heads.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <optional>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;
using Strings = std::vector<std::string>;

constexpr http::HeadLimits kLimits{65'536, 200};

/// An address as 16 bytes, IPv4 in its mapped form.
using Bytes = std::array<std::uint8_t, 16>;

std::optional<Bytes> bytes_of(std::string const& text) {
    if (text.find('\0') != std::string::npos) return std::nullopt;
    Bytes bytes{};
    bytes[10] = bytes[11] = 0xFF;
    if (::inet_pton(AF_INET, text.c_str(), &bytes[12]) == 1) return bytes;
    if (::inet_pton(AF_INET6, text.c_str(), bytes.data()) == 1) return bytes;
    return std::nullopt;
}

bool is_port(std::string const& text) {
    return !text.empty() && text.size() <= 5 &&
           text.find_first_not_of("0123456789") == std::string::npos && std::stoul(text) <= 65'535;
}

/// `a`, `a:port`, `v6`, `[v6]`, `[v6]:port`.
std::optional<Bytes> hop_of(std::string const& text) {
    if (text.starts_with('[')) {
        std::size_t const end = text.find(']');
        if (end == std::string::npos) return std::nullopt;
        std::string const inside = text.substr(1, end - 1);
        std::string const behind = text.substr(end + 1);
        if (inside.find(':') == std::string::npos) return std::nullopt;
        if (!behind.empty() && (behind.front() != ':' || !is_port(behind.substr(1))))
            return std::nullopt;
        return bytes_of(inside);
    }
    std::size_t const colon = text.find(':');
    if (colon == std::string::npos || text.find(':', colon + 1) != std::string::npos)
        return bytes_of(text);
    if (!is_port(text.substr(colon + 1))) return std::nullopt;
    return bytes_of(text.substr(0, colon));
}

/// The networks of trusted_proxies() below, by hand.
bool is_trusted(Bytes const& address) {
    bool const is_v4 = std::all_of(address.begin(), address.begin() + 10,
                                   [](std::uint8_t byte) { return byte == 0; }) &&
                       address[10] == 0xFF && address[11] == 0xFF;
    if (is_v4) return address[12] == 10 || (address[12] == 172 && (address[13] & 0xF0) == 16);
    return address[0] == 0xFD;
}

modifiers::TrustedProxies trusted_proxies() {
    modifiers::TrustedProxies trusted;
    for (std::string_view const text : {"10.0.0.0/8", "172.16.0.0/12", "fd00::/8"})
        trusted.networks.push_back(*core::IpNetwork::parse(text));
    return trusted;
}

modifiers::Peer peer_of(unsigned choices) {
    constexpr std::array<char const*, 3> kAddresses{"198.51.100.9", "2001:db8::9", "fe80::1%1"};
    modifiers::Peer peer;
    peer.trusted = (choices & 4U) != 0;
    peer.is_unix = (choices & 3U) == 3;
    if (peer.is_unix) {
        peer.text = "unix:";
        return peer;
    }
    peer.address = boost::asio::ip::make_address(kAddresses[choices & 3U]);
    peer.text = peer.address.to_string();
    return peer;
}

/// Splits at commas, without blanks and without what is empty.
Strings hops_of(StrictFields const& fields) {
    Strings hops;
    for (std::string const& value : values_of(fields, "x-forwarded-for")) {
        std::string hop;
        for (char const c : value + ",") {
            if (c != ',') {
                hop += c;
                continue;
            }
            while (!hop.empty() && (hop.back() == ' ' || hop.back() == '\t'))
                hop.pop_back();
            hop.erase(0, hop.find_first_not_of(" \t"));
            if (!hop.empty()) hops.push_back(hop);
            hop.clear();
        }
    }
    return hops;
}

struct Walk {
    Strings kept;                 // in the order of the field
    std::optional<Bytes> client;  // rightmost that is not trusted, else the leftmost kept
};

Walk walk(StrictFields const& received) {
    Walk result;
    Strings const hops = hops_of(received);
    bool settled = false;
    for (std::size_t i = hops.size(); i-- > 0 && result.kept.size() < 32;) {
        auto const address = hop_of(hops[i]);
        if (!address) break;
        result.kept.insert(result.kept.begin(), hops[i]);
        if (settled) continue;
        result.client = address;
        settled = !is_trusted(*address);
    }
    return result;
}

/// How CGI-like origins see a name.
std::string variable_of(std::string_view name) {
    std::string variable;
    for (char const c : name) {
        bool const is_alnum = (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z');
        variable += !is_alnum ? '_' : (c >= 'a' && c <= 'z') ? static_cast<char>(c - 0x20) : c;
    }
    return variable;
}

/// No name that an origin could take for a field of framing or trust, except that field itself.
void check_names(StrictFields const& sent, bool trusted, std::string_view bytes) {
    for (StrictField const& field : sent) {
        std::string const variable = variable_of(field.name);
        bool const plain = field.name.find_first_of("!#$%&'*+._^`|~") == std::string::npos;
        bool const forwarded = variable == "X_FORWARDED" || variable.starts_with("X_FORWARDED_");
        bool const guarded = forwarded || variable == "X_REAL_IP" || variable == "X_REQUEST_ID" ||
                             variable == "CONTENT_LENGTH" || variable == "TRANSFER_ENCODING";
        require(!guarded || plain, "a name that imitates another field", bytes);
        require(variable != "PROXY", "the field Proxy", bytes);
        if (trusted) continue;
        bool const written = variable == "X_FORWARDED_FOR" || variable == "X_FORWARDED_PROTO" ||
                             variable == "X_FORWARDED_HOST";
        require(!forwarded || written, "an untrusted peer's forwarding field", bytes);
        require(variable != "FORWARDED" && variable != "X_REAL_IP",
                "an untrusted peer's forwarding field", bytes);
    }
}

void check_chain(StrictFields const& received, StrictFields const& sent,
                 modifiers::Peer const& peer, std::string_view client, std::string_view bytes) {
    std::string const peer_text = peer.text.substr(0, peer.text.find('%'));
    Walk const walked = peer.trusted ? walk(received) : Walk{};
    Strings expected = walked.kept;
    if (!peer.is_unix) expected.push_back(peer_text);
    require(hops_of(sent) == expected, "X-Forwarded-For is not the chain", bytes);
    require(values_of(sent, "x-forwarded-for").size() <= 1, "two X-Forwarded-For", bytes);
    for (std::string const& hop : hops_of(sent))
        require(hop_of(hop).has_value(), "X-Forwarded-For holds what is no address", bytes);

    if (walked.client) {
        require(bytes_of(std::string{client}) == walked.client, "the client is another one", bytes);
    } else {
        require(client == peer_text, "the client is not the peer", bytes);
    }
    require(strict_address(client) || (peer.is_unix && client == "unix:"),
            "the client's address is none", bytes);
}

void check_single(StrictFields const& sent, std::string_view name, std::size_t least,
                  bool (*valid)(std::string const&), std::string_view bytes) {
    Strings const values = values_of(sent, name);
    require(values.size() <= 1 && values.size() >= least, name, bytes);
    if (!values.empty()) require(valid(values.front()), name, bytes);
}

bool is_proto(std::string const& value) {
    constexpr std::array<std::string_view, 4> kKnown{"http", "https", "ws", "wss"};
    return std::any_of(kKnown.begin(), kKnown.end(),
                       [&](std::string_view known) { return same_name(known, value); });
}
bool is_authority(std::string const& value) {
    return strict_authority(value);
}
bool is_hop(std::string const& value) {
    return hop_of(value).has_value();
}
bool is_request_id(std::string const& value) {
    return !value.empty() && value.size() <= 64 &&
           value.find_first_not_of("0123456789abcdefghijklmnopqrstuvwxyz"
                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ-._~:/+=@") == std::string::npos;
}
bool is_traceparent(std::string const& value) {
    return value.size() == 55 && value.starts_with("00-") && value[35] == '-' && value[52] == '-' &&
           value.find_first_not_of("0123456789abcdef-") == std::string::npos &&
           value.substr(3, 32) != std::string(32, '0') &&
           value.substr(36, 16) != std::string(16, '0');
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    static modifiers::TrustedProxies const trusted = trusted_proxies();
    static core::Random random;
    Input input{data, size};
    unsigned const choices = input.byte();
    modifiers::Peer const peer = peer_of(choices);
    std::string text =
        (choices & 8U) != 0 ? "GET http://h.example/x?y HTTP/1.1\r\n" : "GET /x?y HTTP/1.1\r\n";
    text += "Host: h.example\r\n";
    while (!input.empty()) {
        std::string line{input.until("\n")};
        std::erase(line, '\r');
        if (!line.empty()) text += line + "\r\n";
    }
    text += "\r\n";
    http::RequestHead head;
    if (!http::parse_request_head(text, kLimits, head)) return 0;
    auto const target = http::parse_target(head.method, head.target);
    if (!target) return 0;
    StrictFields const received = fields_sent(head.fields);

    modifiers::RequestFacts facts;
    modifiers::modify_request(head, *target, peer, trusted, random, facts);
    StrictFields const sent = fields_sent(head.fields);
    check_names(sent, peer.trusted, text);
    check_chain(received, sent, peer, facts.client.view(), text);
    check_single(sent, "X-Forwarded-Proto", 1, is_proto, text);
    check_single(sent, "X-Forwarded-Host", 0, is_authority, text);
    check_single(sent, "X-Real-IP", 0, is_hop, text);
    check_single(sent, "X-Request-Id", 1, is_request_id, text);
    check_single(sent, "traceparent", 1, is_traceparent, text);
    require(is_request_id({facts.request_id, facts.request_id_size}), "request id", text);
    require(values_of(sent, "X-Request-Id").front() ==
                std::string_view(facts.request_id, facts.request_id_size),
            "another request id in the log", text);
    require(values_of(sent, "Host").empty() && values_of(sent, "Content-Length").empty() &&
                values_of(sent, "Transfer-Encoding").empty() && values_of(sent, "Expect").empty(),
            "a field that the upstream connection writes itself", text);
    return 0;
}
