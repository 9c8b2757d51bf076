#pragma once

#include "tests/support/socket.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reverse_proxy::test_support {

/// What was read breaks RFC 9112 as a strict reader sees it.
struct Malformed : std::runtime_error {
    using std::runtime_error::runtime_error;
};

using FieldList = std::vector<std::pair<std::string, std::string>>;

[[nodiscard]] bool same_name(std::string_view a, std::string_view b);
/// Number of field lines of this name, in any case.
[[nodiscard]] std::size_t count_of(FieldList const& fields, std::string_view name);
/// Values of all lines of this name joined by ", " (RFC 9110, 5.3); "" where there is none.
[[nodiscard]] std::string joined(FieldList const& fields, std::string_view name);

struct MessageHead {
    std::string raw;  // all bytes with the empty line
    std::string start_line;
    FieldList fields;
};

struct MessageFraming {
    enum class Kind : std::uint8_t { none, length, chunked, until_close };
    Kind kind{Kind::none};
    std::uint64_t length{0};
};

/// RFC 9112, 6.3 without any tolerance; both throw Malformed.
MessageFraming strict_request_framing(FieldList const& fields);
MessageFraming strict_response_framing(FieldList const& fields, unsigned status,
                                       bool request_was_head);

/// Reads HTTP/1 messages from a socket strictly: CRLF alone ends a line, no folding, no blanks
/// before a colon, plain hexadecimal chunk sizes without extensions. Not a copy of the daemon's
/// reader on purpose: it checks that one.
class MessageReader {
public:
    using Sink = std::function<void(std::string_view)>;

    explicit MessageReader(Socket socket) : socket_{std::move(socket)} {}

    /// Makes so many of the next reads small and slow: 4 KiB and 20 milliseconds each.
    void slow_down(unsigned reads) { slow_reads_ = reads; }

    [[nodiscard]] Socket& socket() { return socket_; }
    [[nodiscard]] Socket const& socket() const { return socket_; }
    /// Bytes received and not yet read as part of a message.
    [[nodiscard]] std::string const& left_over() const { return buffer_; }

    /// Nothing where the stream ends before the first byte; throws PeerClosed where it ends later.
    std::optional<MessageHead> read_head(Deadline deadline = within());
    /// Gives the content to `sink` as it comes; each wait for more is bounded on its own.
    /// @return trailers
    FieldList read_content(MessageFraming const& framing, Sink const& sink);

    /// What has come, at least a byte; "" at the end of the stream.
    std::string read_some(Deadline deadline = within());
    std::string read_exactly(std::size_t size, Deadline deadline = within());
    /// Up to and with `end`.
    std::string read_until(std::string_view end, Deadline deadline = within());
    /// All up to the end of the stream; throws PeerClosed on a reset.
    std::string read_to_end(Deadline deadline = within());

private:
    bool fill(Deadline deadline);
    std::string take(std::size_t size);
    std::string read_line();
    void pass(std::uint64_t size, Sink const& sink);
    FieldList read_chunked(Sink const& sink);

    Socket socket_;
    std::string buffer_;
    unsigned slow_reads_{0};
};

}  // namespace reverse_proxy::test_support
