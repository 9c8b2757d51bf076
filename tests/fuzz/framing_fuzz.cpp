// The framing decision alone, with nothing in the way to what decides it: the input chooses method,
// version, status and the values of Content-Length and Transfer-Encoding. Acceptance must be the
// strict reader's exactly, in both directions.
//
// Input: one byte of choices (bit 0 response, bit 1 HTTP/1.0, bits 2 to 5 method or status), then
// lines: `c` and a Content-Length, `t` and a Transfer-Encoding, anything else a field of no weight.
#include "reverse_proxy/http/framing.hpp"
#include "tests/fuzz/heads.hpp"

#include <algorithm>
#include <array>

namespace {

using namespace reverse_proxy;
using namespace reverse_proxy::fuzz;

constexpr http::HeadLimits kLimits{65'536, 1000};
constexpr std::array<std::string_view, 8> kMethods{"GET",     "HEAD",  "POST",   "PUT",
                                                   "OPTIONS", "TRACE", "DELETE", "QUERY"};
constexpr std::array<std::string_view, 8> kStatuses{"200", "204", "304", "100",
                                                    "103", "101", "404", "999"};

/// Nothing that would make another line of it: line ends are the other targets' matter.
std::string value_of(std::string_view text) {
    std::string value{text};
    std::erase_if(value, [](char c) { return c == '\r' || c == '\0'; });
    return value;
}

std::string field_lines(Input& input) {
    std::string lines;
    while (!input.empty()) {
        std::string_view const line = input.until("\n");
        if (line.empty()) continue;
        std::string const value = value_of(line.substr(1));
        if (line.front() == 'c') {
            lines += "Content-Length: " + value + "\r\n";
        } else if (line.front() == 't') {
            lines += "Transfer-Encoding: " + value + "\r\n";
        } else {
            lines += "X-Other: " + value + "\r\n";
        }
    }
    return lines;
}

void check_request(std::string const& text) {
    http::RequestHead head;
    if (!http::parse_request_head(text, kLimits, head)) return;
    auto const framing = http::request_framing(head);
    StrictMessage const strict = read_strict_request(text);
    require(framing.has_value() == strict.head_valid, "one reader refuses, the other does not",
            text);
    if (!framing) return;
    require((framing->kind == http::Framing::Kind::chunked) == (strict.length == Length::chunked),
            "chunked to one reader alone", text);
    require(framing->length == strict.counted, "two lengths", text);
}

void check_response(std::string const& text, bool to_head) {
    http::ResponseHead head;
    if (!http::parse_response_head(text, kLimits, head)) return;
    auto const framing = http::response_framing(head, to_head);
    StrictMessage const strict = read_strict_response(text, to_head, false);
    require(framing.has_value() == strict.head_valid, "one reader refuses, the other does not",
            text);
    if (!framing) return;
    require((framing->kind == http::Framing::Kind::chunked) == (strict.length == Length::chunked) &&
                (framing->kind == http::Framing::Kind::until_close) ==
                    (strict.length == Length::until_close) &&
                (framing->kind == http::Framing::Kind::none) == (strict.length == Length::none),
            "framed differently", text);
    require(framing->length == strict.counted, "two lengths", text);
    bool const never = head.status < 200 || head.status == 204;
    auto const announced = values_of(strict.fields, "content-length");
    if (never && !announced.empty() && announced.front() != "0")
        require(!framing->connection_reusable, "the next response may be this one's content", text);
}

}  // namespace

int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
    Input input{data, size};
    unsigned const choices = input.byte();
    std::string_view const version = (choices & 2U) != 0 ? "HTTP/1.0" : "HTTP/1.1";
    std::size_t const which = choices >> 2U & 7U;
    std::string text;
    if ((choices & 1U) != 0) {
        text.append(version).append(" ").append(kStatuses[which]).append(" OK\r\n");
        check_response(text + field_lines(input) + "\r\n", (choices & 0x20U) != 0);
    } else {
        text.append(kMethods[which]).append(" / ").append(version).append("\r\nHost: h\r\n");
        check_request(text + field_lines(input) + "\r\n");
    }
    return 0;
}
