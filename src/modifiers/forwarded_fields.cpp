#include "modifiers/forwarded_fields.hpp"

#include "reverse_proxy/http/characters.hpp"
#include "reverse_proxy/http/list.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

namespace reverse_proxy::modifiers {
namespace {

namespace ip = boost::asio::ip;
using http::FieldId;
using http::FieldSet;

constexpr FieldSet kForwarding{FieldId::forwarded,         FieldId::x_forwarded,
                               FieldId::x_forwarded_for,   FieldId::x_forwarded_host,
                               FieldId::x_forwarded_proto, FieldId::x_real_ip};

/// Addresses of one chain that are read and passed on. Real chains have a handful.
constexpr std::size_t kMaxHops = 32;

bool is_port(std::string_view text) {
    if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), http::is_digit))
        return false;
    unsigned port = 0;
    for (char const c : text)
        port = port * 10 + static_cast<unsigned>(c - '0');
    return port <= 65'535;
}

/// An address as proxies write it: bare, IPv6 also in brackets, with or without a port.
std::optional<ip::address> parse_node(std::string_view text) {
    if (text.starts_with('[')) {
        std::size_t const end = text.find(']');
        if (end == std::string_view::npos) return std::nullopt;
        std::string_view const rest = text.substr(end + 1);
        if (!rest.empty() && (rest.front() != ':' || !is_port(rest.substr(1)))) return std::nullopt;
        text = text.substr(1, end - 1);
        if (text.find(':') == std::string_view::npos) return std::nullopt;
    } else if (std::count(text.begin(), text.end(), ':') == 1) {
        std::size_t const colon = text.find(':');
        if (!is_port(text.substr(colon + 1))) return std::nullopt;
        text = text.substr(0, colon);
        if (text.find('.') == std::string_view::npos) return std::nullopt;
    }
    auto const address = core::parse_address(text);
    if (!address) return std::nullopt;
    return core::unmapped(*address);
}

/// X-Forwarded-For of all lines, from its end: the part that is made of addresses.
struct Chain {
    std::array<std::string_view, kMaxHops> hops;  // the nearest first
    std::size_t size{0};
    std::optional<ip::address> client;  // the nearest that is not trusted, else the farthest
};

/// Reads one line from its end; false where the chain is not to be followed further.
bool follow(std::string_view line, TrustedProxies const& trusted, bool& settled, Chain& chain) {
    while (!line.empty()) {
        std::size_t const comma = line.rfind(',');
        bool const first = comma == std::string_view::npos;
        std::string_view const hop = http::trim(first ? line : line.substr(comma + 1));
        line = first ? std::string_view{} : line.substr(0, comma);
        if (hop.empty()) continue;  // RFC 9110, 5.6.1.2: an empty element says nothing
        if (chain.size == kMaxHops) return false;
        auto const address = parse_node(hop);
        if (!address) return false;
        chain.hops[chain.size++] = hop;
        if (settled) continue;
        chain.client = address;
        settled = !trusted.trusts(*address);
    }
    return true;
}

Chain chain_of(http::Fields const& fields, TrustedProxies const& trusted) {
    Chain chain;
    if (!fields.has(FieldId::x_forwarded_for)) return chain;
    bool settled = false;
    for (std::size_t i = fields.parsed().size(); i-- > 0;) {
        http::Field const& field = fields.parsed()[i];
        if (field.id != FieldId::x_forwarded_for) continue;
        if (!follow(field.value, trusted, settled, chain)) break;
    }
    return chain;
}

/// Drops the field unless it came once and with a value that `valid` accepts. True: it stays.
template <typename Valid> bool keep_single(http::Fields& fields, FieldId id, Valid valid) {
    if (!fields.has(id)) return false;
    unsigned lines = 0;
    std::string_view value;
    for (http::Field const& field : fields.parsed()) {
        if (field.id != id) continue;
        ++lines;
        value = field.value;
    }
    if (lines == 1 && valid(value)) return true;
    fields.drop(id);
    return false;
}

bool is_proto(std::string_view value) {
    return http::iequals(value, "https") || http::iequals(value, "http") ||
           http::iequals(value, "wss") || http::iequals(value, "ws");
}

/// X-Forwarded-For anew: the hops, the farthest first, then the peer. A unix socket's peer has no
/// address to add.
void write_chain(http::Fields& fields, std::span<std::string_view const> nearest_first,
                 std::string_view peer) {
    constexpr std::string_view kName = "X-Forwarded-For";
    if (nearest_first.empty()) {
        if (!peer.empty()) fields.add(kName, peer);
        return;
    }
    fields.add(kName, nearest_first.back());
    for (std::size_t i = nearest_first.size() - 1; i > 0; --i)
        fields.extend(", ", nearest_first[i - 1]);
    if (!peer.empty()) fields.extend(", ", peer);
}

}  // namespace

bool TrustedProxies::trusts(ip::address const& address) const {
    return std::any_of(networks.begin(), networks.end(),
                       [&](core::IpNetwork const& network) { return network.contains(address); });
}

void write_forwarded_fields(http::Fields& fields, std::string_view authority, Peer const& peer,
                            TrustedProxies const& trusted, RequestFacts& facts) {
    std::string_view const text = std::string_view{peer.text}.substr(0, peer.text.find('%'));
    facts.client.assign(text);
    std::string_view const peer_address = peer.is_unix ? std::string_view{} : text;
    bool proto_kept = false;
    bool host_kept = false;

    if (!fields.has_any(kForwarding)) {
        write_chain(fields, {}, peer_address);
    } else if (!peer.trusted) {
        fields.drop(kForwarding);
        write_chain(fields, {}, peer_address);
    } else {
        Chain const chain = chain_of(fields, trusted);
        fields.drop(FieldId::x_forwarded_for);
        write_chain(fields, std::span{chain.hops}.first(chain.size), peer_address);
        if (chain.client) facts.client.assign(core::text_of(*chain.client));
        proto_kept = keep_single(fields, FieldId::x_forwarded_proto, is_proto);
        host_kept = keep_single(fields, FieldId::x_forwarded_host, http::valid_authority);
        keep_single(fields, FieldId::x_real_ip,
                    [](std::string_view value) { return parse_node(value).has_value(); });
    }
    if (!proto_kept) fields.add("X-Forwarded-Proto", "http");
    if (!host_kept && !authority.empty()) fields.add("X-Forwarded-Host", authority);
}

}  // namespace reverse_proxy::modifiers
