// A response's head: what the scanner, the parser and the framing accept together, a strict reader
// reads in the same way; and what is sent on to the client says the same again.
//
// Input: one byte for the cut, one whose lowest bit says that the request was HEAD, then the bytes
// received.
#include "reverse_proxy/http/encode.hpp"
#include "reverse_proxy/http/framing.hpp"
#include "reverse_proxy/modifiers/response_modifiers.hpp"
#include "tests/fuzz/heads.hpp"

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;

constexpr http::HeadLimits kLimits{8192, 64};

bool same_length(http::Framing const& framing, StrictMessage const& strict) {
    switch (framing.kind) {
    case http::Framing::Kind::none:
        return strict.length == Length::none;
    case http::Framing::Kind::length:
        return strict.length == Length::counted && strict.counted == framing.length;
    case http::Framing::Kind::chunked:
        return strict.length == Length::chunked;
    case http::Framing::Kind::until_close:
        break;
    }
    return strict.length == Length::until_close;
}

/// Sends the head on and reads it as a client would.
void check_sent(http::ResponseHead& head, std::string_view bytes) {
    std::string const status_line =
        "HTTP/1.1 " + std::to_string(head.status) + " " + std::string{head.reason_phrase} + "\r\n";
    if (head.status < 200 && head.status != 101) {
        modifiers::modify_interim_response(head);
    } else {
        modifiers::modify_response(head, {"id", "Tue, 24 Nov 2026 10:00:00 GMT", nullptr});
    }
    core::Text fields;
    http::append_fields(fields, head.fields);
    std::string const text = status_line + std::string{fields.view()} + "\r\n";

    StrictMessage const sent = read_strict_response(text, true, true);
    require(sent.head_valid && sent.size == text.size(), "what is sent on is no one head", bytes);
    require(sent.status == head.status && sent.reason == head.reason_phrase,
            "status line sent on differently", bytes);
    require(sent.fields == fields_sent(head.fields), "fields sent on differently", bytes);
    for (std::string_view const name :
         {"Connection", "Keep-Alive", "Proxy-Connection", "TE", "Transfer-Encoding"})
        require(values_of(sent.fields, name).empty(), "a connection field is sent on", bytes);
    if (head.status < 200 || head.status == 204)
        require(values_of(sent.fields, "Content-Length").empty(),
                "Content-Length with 1xx or 204 is sent on", bytes);
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    std::uint8_t const how = input.byte();
    bool const to_head = (input.byte() & 1U) != 0;
    std::string_view const bytes = input.rest();
    Scanned const scanned = scan_both(http::HeadScanner::Part::response_head, bytes, kLimits, how);
    http::ResponseHead head;
    auto const parsed = http::parse_response_head(bytes, kLimits, head);
    check_size(parsed, scanned, bytes);
    check_pieces<http::ResponseHead>(parsed, http::HeadScanner::Part::response_head, bytes, kLimits,
                                     Cuts{how});
    StrictMessage const strict = read_strict_response(bytes, to_head, false);
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
    auto const framing = http::response_framing(head, to_head);
    if (!framing) {
        require(!strict.head_valid, "refused a sound head", text);
        return 0;
    }
    require(strict.head_valid && strict.head_size == text.size(),
            "a strict reader refuses a head that was accepted", text);
    require(head.status == strict.status && head.minor_version == strict.minor_version &&
                strict.reason == head.reason_phrase,
            "status line read differently", text);
    require(fields_sent(head.fields) == strict.fields, "fields read differently", text);
    require(same_length(*framing, strict), "content framed differently", text);
    require(http::wants_keep_alive(head.fields, head.minor_version) ==
                keeps_connection(strict.fields, strict.minor_version),
            "persistence read differently", text);
    check_sent(head, text);
    return 0;
}
