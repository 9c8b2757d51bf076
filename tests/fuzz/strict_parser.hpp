#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

/// A second reader of HTTP/1 messages, written from RFC 9112 (and 9110, 3986 where it refers to
/// them) and the contract's list of what is refused. It shares no code with src/http on purpose: it
/// is the judge of that code and of what leaves the proxy. Clarity before speed.
namespace reverse_proxy::fuzz {

struct StrictField {
    std::string name;
    std::string value;  // without the blanks around it
    bool operator==(StrictField const&) const = default;
};
using StrictFields = std::vector<StrictField>;

/// Names without regard to case.
bool same_name(std::string_view a, std::string_view b);
/// Values of all lines of this name, in their order.
std::vector<std::string> values_of(StrictFields const& fields, std::string_view name);
/// Elements of the comma-separated list that all lines of this name make, in lower case.
std::vector<std::string> elements_of(StrictFields const& fields, std::string_view name);
bool lists(StrictFields const& fields, std::string_view name, std::string_view element);
/// Whether the sender keeps the connection open after this message (RFC 9112, 9.3).
bool keeps_connection(StrictFields const& fields, unsigned minor_version);

enum class Verdict : std::uint8_t { complete, incomplete, malformed };

enum class Length : std::uint8_t { none, counted, chunked, until_close };

/// One message, or as much of it as there is.
struct StrictMessage {
    Verdict verdict{Verdict::incomplete};
    std::string why;           // of malformed
    std::size_t size{0};       // bytes of the whole message; valid where complete
    bool head_valid{false};    // the head was read to its end and is sound
    std::size_t head_size{0};  // valid where head_valid

    std::string method;  // of a request
    std::string target;
    unsigned status{0};  // of a response
    std::string reason;
    unsigned minor_version{1};
    StrictFields fields;
    Length length{Length::none};
    std::uint64_t counted{0};

    std::string content;  // decoded; what is there of it
    StrictFields trailers;
};

/// Reads the request that `bytes` begin with. Empty lines before it are part of it.
StrictMessage read_strict_request(std::string_view bytes);
/// The same for a response, interim ones included. `closed`: the stream ends with these bytes.
StrictMessage read_strict_response(std::string_view bytes, bool to_head, bool closed);

/// Chunked content and its trailers, from its first size line on.
StrictMessage read_strict_chunked(std::string_view bytes);

/// `host[:port]` as the contract wants it in Host and in an absolute target.
bool strict_authority(std::string_view text);
bool strict_target(std::string_view method, std::string_view target);
/// An IPv4 or IPv6 address in text, without brackets, port or zone.
bool strict_address(std::string_view text);

}  // namespace reverse_proxy::fuzz
