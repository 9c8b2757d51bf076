#pragma once

#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/core/text.hpp"
#include "reverse_proxy/http/field_id.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::http {

/// One field line as received: slices of the buffer that was parsed.
struct Field {
    std::string_view name;
    std::string_view value;  // without blanks around it
    std::string_view line;   // the whole line with its CRLF
    FieldId id{FieldId::other};
    bool dropped{false};  // a modifier took it out
    /// The line is exactly `name: value CRLF`, so that it can be copied as it is.
    bool canonical{false};
};

/// An option of Connection (RFC 9110, 7.6.1): one of those with a meaning of their own, or the name
/// of a field that ends at this hop.
enum class ConnectionOption : std::uint8_t { close, keep_alive, upgrade, te, field };
[[nodiscard]] ConnectionOption connection_option(std::string_view option);

/// The field section of one head in a flat table: parsed fields by reference, added ones by value.
///
/// One table per worker and direction serves all connections in turn: what it refers to is valid
/// only until the buffer that was parsed is touched again, so nothing may suspend between parse and
/// encode. Not thread-safe. Allocates only while growing to the largest head seen.
class Fields {
public:
    void clear();
    void append(Field const& field) {
        seen_.insert(field.id);
        parsed_.push_back(field);
    }

    [[nodiscard]] std::vector<Field>& parsed() { return parsed_; }
    [[nodiscard]] std::vector<Field> const& parsed() const { return parsed_; }
    /// What add() has made: whole lines, each `name: value CRLF`.
    [[nodiscard]] std::string_view added_lines() const { return added_lines_.view(); }

    /// False: no field of these was parsed. The cheap question before a walk.
    [[nodiscard]] bool has(FieldId id) const { return seen_.contains(id); }
    [[nodiscard]] bool has_any(FieldSet ids) const { return seen_.intersects(ids); }
    /// Whether a line of Connection lists such an option; known of what the parser has read.
    [[nodiscard]] bool lists(ConnectionOption option) const {
        return (options_ >> static_cast<unsigned>(option) & 1U) != 0;
    }
    void note(ConnectionOption option) { options_ |= 1U << static_cast<unsigned>(option); }
    /// The first one that is not dropped, or null.
    [[nodiscard]] Field const* find(FieldId id) const;
    /// Value of find(id), or "".
    [[nodiscard]] std::string_view value_of(FieldId id) const;

    void drop(FieldId id);
    void drop(FieldSet ids);
    /// Adds a field whose value is the concatenation of the pieces, which are copied.
    template <typename... Pieces>
    void add(std::string_view name, std::string_view value, Pieces const&... more) {
        added_lines_.append(name, ": ", value, more..., "\r\n");
    }
    /// Appends to the value of the field added last.
    template <typename... Pieces> void extend(Pieces const&... pieces) {
        constexpr std::string_view kLineEnd = "\r\n";
        added_lines_.remove_suffix(kLineEnd.size());
        added_lines_.append(pieces..., kLineEnd);
    }

private:
    std::vector<Field> parsed_;
    core::Text added_lines_;
    FieldSet seen_;
    unsigned options_{0};  // a bit for each ConnectionOption
};

struct RequestHead {
    std::string_view method;
    std::string_view target;    // as received (RFC 9112, 3.2)
    unsigned minor_version{1};  // HTTP/1.x
    Fields fields;
    void clear();
};

struct ResponseHead {
    unsigned status{};
    std::string_view reason_phrase;
    unsigned minor_version{1};
    Fields fields;
    void clear();
};

/// Bounds of a head; reaching one is a failure of its own.
struct HeadLimits {
    std::size_t max_bytes;   // start line included
    std::size_t max_fields;  // field lines
};

/// Finds the end of a head (or trailer section) that arrives in pieces, looking at each byte once.
///
/// A bare CR or LF is refused at once, so that such a head gets its answer and not a time-out. Up
/// to kMaxLeadingEmptyLines empty lines before a request line belong to the head and are skipped
/// (RFC 9112, 2.2), here and by parse_request_head, so that callers need not know of them. Made for
/// read_head, which needs it only for heads that come in pieces.
class HeadScanner {
public:
    enum class Part : std::uint8_t { request_head, response_head, trailers };
    enum class Status : std::uint8_t { complete, incomplete, failed };
    static constexpr unsigned kMaxLeadingEmptyLines = 4;

    explicit HeadScanner(Part part = Part::request_head) : part_{part} {}

    /// `bytes` starts with the head's first byte and only ever grows between calls (it may move).
    /// After `complete` or `failed` it must not be called again before reset().
    Status scan(std::string_view bytes, HeadLimits const& limits);
    [[nodiscard]] bool started() const { return scanned_ > 0; }
    /// Bytes of the head with the empty line at its end; valid after `complete`.
    [[nodiscard]] std::size_t size() const { return size_; }
    /// Whether a byte other than a leading CR or LF was seen: a client that only sent an empty line
    /// after its last request is idle, not slow.
    [[nodiscard]] bool begun() const { return begun_; }
    /// Valid after `failed`. Of a request head: request_malformed, target_too_long (no end of the
    /// request line within the limit) or head_too_large; of a response head: response_malformed or
    /// response_head_too_large; of trailers: request_malformed or head_too_large.
    [[nodiscard]] core::Failure const& failure() const { return failure_; }
    void reset();

private:
    Status fail_malformed(std::string_view reason);
    Status fail_too_large();
    Status end_line(std::size_t lf, HeadLimits const& limits);

    std::size_t scanned_{0};
    std::size_t line_begin_{0};
    std::size_t size_{0};
    std::size_t lines_{0};  // ended lines, the start line included, leading empty ones not
    unsigned leading_empty_lines_{0};
    Part part_;
    bool begun_{false};
    core::Failure failure_{};
};

/// Parses the request head at the start of `bytes` into `head`, in one pass (docs/adr/0006), and
/// refuses what two readers could read differently: bare CR and LF, NUL and other control bytes,
/// obs-fold (RFC 9112, 5.2), blanks before the colon, names that are no tokens, any blank too many
/// in the request line, versions other than HTTP/1.0 and 1.1, Connection options that are no
/// tokens. The content's length is `request_framing`'s matter, the target's bytes are
/// `parse_target`'s.
/// @return the head's size with the empty line at its end; 0 where that has not come yet
/// Kinds: request_malformed; target_too_long (the request line is longer than the limit);
/// head_too_large (it has more bytes, fields, or options in Connection, than the limits).
core::Result<std::size_t> parse_request_head(std::string_view bytes, HeadLimits const& limits,
                                             RequestHead& head);

/// The same for a response head; the status is 100 to 999: those past 599 mean nothing, but some
/// origins use them (RFC 9110, 15). A status line without the blank that ends the status
/// (`HTTP/1.1 200 CRLF`, where RFC 9112, 4 wants it even before an empty reason) is read all the
/// same, as origins in use send it. Kinds: response_malformed, response_head_too_large.
core::Result<std::size_t> parse_response_head(std::string_view bytes, HeadLimits const& limits,
                                              ResponseHead& head);

/// Reads a head that arrives in pieces: `bytes` is what has come of it so far, `scanner` (one for
/// the head's direction) remembers what was seen. So each byte is looked at twice at most, however
/// small the pieces. Results and kinds are those of the parser and the scanner.
core::Result<std::size_t> read_head(std::string_view bytes, HeadLimits const& limits,
                                    HeadScanner& scanner, RequestHead& head);
core::Result<std::size_t> read_head(std::string_view bytes, HeadLimits const& limits,
                                    HeadScanner& scanner, ResponseHead& head);

/// Parses a complete trailer section (field lines and the empty line, as measured by HeadScanner)
/// into `fields`. Those that may not stand there are marked `dropped`: a proxy may drop them, but
/// never merge them into the head's fields (RFC 9110, 6.5.1). Kinds: request_malformed,
/// head_too_large.
core::Result<void> parse_trailers(std::string_view bytes, HeadLimits const& limits, Fields& fields);
/// False for fields that steer framing, routing, trust, authentication or the way content is read.
bool allowed_in_trailers(FieldId id);

}  // namespace reverse_proxy::http
