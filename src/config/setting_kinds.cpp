#include "config/setting_kinds.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <algorithm>
#include <iterator>
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

/// Fields that the export's own request says.
constexpr std::string_view kOwnFields[] = {
    "host",    "content-type", "content-length",    "content-encoding",
    "expect",  "connection",   "transfer-encoding", "te",
    "trailer", "upgrade"};

/// `%41` -> `A`. Nothing where the escape is cut short, is not hexadecimal, or where the value
/// cannot stand in a field.
std::optional<std::string> percent_decoded(std::string_view text) {
    std::string decoded;
    for (std::size_t at = 0; at < text.size(); ++at) {
        char byte = text[at];
        if (byte == '%') {
            std::string_view const digits = text.substr(at + 1, 2);
            int const high = digits.size() == 2 ? http::hex_value(digits[0]) : -1;
            int const low = digits.size() == 2 ? http::hex_value(digits[1]) : -1;
            if (high < 0 || low < 0) return std::nullopt;
            byte = static_cast<char>(high * 16 + low);
            at += 2;
        }
        if (byte < 0x20 || byte > 0x7e) return std::nullopt;
        decoded += byte;
    }
    return decoded;
}

/// Problems name no part of the value: it is a secret.
Parsed<OtlpHeader> parse_otlp_header(std::string_view text) {
    constexpr auto kHidden = "a field that is not shown";
    auto const equals = text.find('=');
    if (equals == std::string_view::npos) return Problem{"has a field without =", kHidden};
    auto const name = trimmed(text.substr(0, equals));
    if (!http::is_token(name)) return Problem{"has a field whose name is not valid", kHidden};
    auto const lower = lower_case(name);
    if (std::find(std::begin(kOwnFields), std::end(kOwnFields), lower) != std::end(kOwnFields))
        return Problem{"has a field that the export writes itself", kHidden};
    auto value = percent_decoded(trimmed(text.substr(equals + 1)));
    if (!value) return Problem{"has a field whose value is not valid", kHidden};
    return OtlpHeader{std::string{name}, std::move(*value)};
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

std::vector<Problem> read_otlp_endpoint(Setting const&, std::string_view text, Settings& settings) {
    auto parsed = parse_upstream_url(trimmed(text));
    if (auto* problem = std::get_if<Problem>(&parsed)) return {std::move(*problem)};
    settings.traces.otlp_endpoint = std::move(std::get<UpstreamUrl>(parsed));
    return {};
}

std::vector<Problem> read_otlp_headers(Setting const&, std::string_view text, Settings& settings) {
    // The text of a list that is refused as a whole is shown; this one is a secret.
    if (list_entries(text).empty()) return {{"lists nothing", "a value that is not shown"}};
    return read_list(text, parse_otlp_header, settings.traces.otlp_headers);
}

}  // namespace reverse_proxy::config
