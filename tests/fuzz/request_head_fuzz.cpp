// A request's head: what the scanner, the parser and the checks accept together, a strict reader
// reads in the same way; and what is sent on to an origin says the same again.
//
// Input: one byte for the cut, then the bytes received.
#include "reverse_proxy/balancing/endpoint.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/modifiers/request_modifiers.hpp"
#include "reverse_proxy/upstream/encoded_request.hpp"
#include "tests/fuzz/heads.hpp"

#include <boost/asio/ip/address_v4.hpp>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;

constexpr http::HeadLimits kLimits{8192, 64};

void check_same(http::RequestHead const& head, http::Framing const& framing,
                StrictMessage const& strict, std::string_view bytes) {
    require(strict.head_valid, "a strict reader refuses a head that was accepted", bytes);
    require(head.method == strict.method && head.target == strict.target &&
                head.minor_version == strict.minor_version,
            "request line read differently", bytes);
    require(fields_sent(head.fields) == strict.fields, "fields read differently", bytes);
    bool const chunked = framing.kind == http::Framing::Kind::chunked;
    require(chunked == (strict.length == Length::chunked) && framing.length == strict.counted &&
                framing.kind != http::Framing::Kind::until_close,
            "content framed differently", bytes);
    require(http::wants_keep_alive(head.fields, head.minor_version) ==
                keeps_connection(strict.fields, strict.minor_version),
            "persistence read differently", bytes);
}

/// Sends the head on and reads it as the origin would.
void check_sent(http::RequestHead& head, http::Target const& target, http::Framing const& framing,
                std::string_view bytes) {
    static core::Random random;
    static core::Text scratch;
    static core::BufferPool pool;
    static modifiers::TrustedProxies const nobody;
    modifiers::Peer peer;
    peer.address = boost::asio::ip::make_address_v4("192.0.2.7");
    peer.text = "192.0.2.7";
    modifiers::RequestFacts facts;
    std::string const target_text =
        (target.slash_missing ? "/" : "") + std::string{target.path_and_query};
    modifiers::modify_request(head, target, peer, nobody, random, facts);
    bool const upgrades = facts.wants_upgrade && framing.kind == http::Framing::Kind::none;
    upstream::EncodedRequest const request{
        head, target,
        upstream::RequestShape{framing, false,
                               upgrades ? facts.upgrade.view() : std::string_view{}},
        scratch, pool};
    balancing::Endpoint endpoint{{}, 1};
    endpoint.authority = "origin:81";
    core::Text written;
    request.write(written, endpoint);
    std::string const text{written.view()};

    StrictMessage const sent = read_strict_request(text);
    require(sent.head_valid && sent.head_size == text.size(), "what is sent on is no one head",
            text);
    require(sent.method == head.method && sent.target == target_text && sent.minor_version == 1,
            "request line sent on differently", text);
    require(values_of(sent.fields, "host") == std::vector<std::string>{"origin:81"},
            "Host sent on is not the origin's", text);
    bool const chunked = framing.kind == http::Framing::Kind::chunked;
    require(chunked == (sent.length == Length::chunked) && framing.length == sent.counted,
            "content sent on is framed differently", text);
    StrictFields expected{{"Host", "origin:81"}};
    for (StrictField& field : fields_sent(head.fields))
        expected.push_back(std::move(field));
    if (framing.kind == http::Framing::Kind::length)
        expected.push_back({"Content-Length", std::to_string(framing.length)});
    if (chunked) expected.push_back({"Transfer-Encoding", "chunked"});
    if (upgrades) {
        expected.push_back({"Connection", "upgrade"});
        expected.push_back({"Upgrade", std::string{facts.upgrade.view()}});
    }
    require(sent.fields == expected, "fields sent on differently", text);

    http::RequestHead again;
    auto const size = http::parse_request_head(text, {text.size(), 1000}, again);
    require(size && *size == text.size() && fields_sent(again.fields) == expected,
            "what is sent on is read differently by the parser itself", bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    std::uint8_t const how = input.byte();
    std::string_view const bytes = input.rest();
    Scanned const scanned = scan_both(http::HeadScanner::Part::request_head, bytes, kLimits, how);
    http::RequestHead head;
    auto const parsed = http::parse_request_head(bytes, kLimits, head);
    check_size(parsed, scanned, bytes);
    check_pieces<http::RequestHead>(parsed, http::HeadScanner::Part::request_head, bytes, kLimits,
                                    Cuts{how});
    StrictMessage const strict = read_strict_request(bytes);
    if (!parsed) {
        require(!strict.head_valid || may_be_refused(parsed.error()), parsed.error().reason, bytes);
        return 0;
    }
    if (*parsed == 0) {
        require(!strict.head_valid, "a strict reader sees the head's end", bytes);
        return 0;
    }
    std::string_view const text = bytes.substr(0, *parsed);
    require(head.fields.parsed().size() <= kLimits.max_fields, "more fields than the limit", text);
    auto const target = http::parse_target(head.method, head.target);
    auto const framing = http::request_framing(head);
    auto const host = target ? http::check_host(head, *target) : core::Result<void>{};
    if (!target || !framing || !host) {
        bool const host_alone = target && framing && may_be_refused(host.error());
        require(!strict.head_valid || host_alone, "refused a sound head", text);
        return 0;
    }
    check_same(head, *framing, strict, text);
    require(strict.head_size == text.size(), "the head ends elsewhere", text);
    check_sent(head, *target, *framing, text);
    return 0;
}
