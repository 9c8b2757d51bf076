#include "config/setting_kinds.hpp"

#include <optional>

namespace reverse_proxy::config {

namespace {

constexpr std::string_view kUnixPeers = "unix:";

// RFC 9110 4.1: every recipient should take a target of this length; a longer one may be refused.
constexpr std::size_t kMaxPathBytes = 8000;

/// One entry of TRUSTED_PROXIES; without a network it is the word `unix:`.
using TrustedPeer = std::optional<core::IpNetwork>;

Parsed<TrustedPeer> parse_trusted_peer(std::string_view text) {
    if (text == kUnixPeers) return TrustedPeer{};
    if (auto network = core::IpNetwork::parse(text)) return TrustedPeer{*network};
    return Problem{"is no address or range", shown(text)};
}

}  // namespace

std::vector<Problem> read_trusted_proxies(Setting const&, std::string_view text,
                                          Settings& settings) {
    std::vector<TrustedPeer> peers;
    auto problems = read_list(text, parse_trusted_peer, peers);
    if (!problems.empty()) return problems;
    settings.client.trusted_proxies.clear();
    settings.client.trust_unix_peers = false;
    for (auto const& peer : peers) {
        if (peer)
            settings.client.trusted_proxies.push_back(*peer);
        else
            settings.client.trust_unix_peers = true;
    }
    return {};
}

SettingValue trusted_proxies_value(Settings const& settings) {
    auto text = joined(settings.client.trusted_proxies);
    if (settings.client.trust_unix_peers) {
        if (!text.empty()) text += ',';
        text += kUnixPeers;
    }
    return text;
}

std::vector<Problem> read_healthcheck_path(Setting const&, std::string_view text,
                                           Settings& settings) {
    auto const path = trimmed(text);
    if (path.empty() || path.front() != '/') return {{"does not begin with /", shown(path)}};
    if (!is_visible_ascii(path))
        return {{"holds a blank, a control or a non-ASCII byte", shown(path)}};
    if (path.find('#') != std::string_view::npos) return {{"holds a fragment", shown(path)}};
    if (path.size() > kMaxPathBytes) return {{"is longer than 8000 bytes", shown(path)}};
    settings.health.path = path;
    return {};
}

std::vector<Problem> read_bearer_token(Setting const&, std::string_view text, Settings& settings) {
    if (!is_visible_ascii(text))
        return {{"holds a blank, a control or a non-ASCII byte",
                 std::to_string(text.size()) + " bytes that are not shown"}};
    settings.telemetry.metrics_bearer_token = text;
    return {};
}

}  // namespace reverse_proxy::config
