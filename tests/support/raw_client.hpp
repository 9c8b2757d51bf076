#pragma once

#include "tests/support/message_reader.hpp"
#include "tests/support/socket.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reverse_proxy::test_support {

/// A response as a strict reader understood it.
struct Response {
    unsigned status{0};
    std::string version;  // "HTTP/1.1"
    std::string reason;
    FieldList fields;
    MessageFraming framing;
    std::string content;
    FieldList trailers;
    std::vector<Response> interim;  // 1xx that came before, without content
    bool complete{false};           // the content was read to its end
    std::string cut_short;          // why not

    [[nodiscard]] std::string field(std::string_view name) const { return joined(fields, name); }
    [[nodiscard]] bool has(std::string_view name) const { return count_of(fields, name) > 0; }
    /// The connection may be used again by what the fields say (RFC 9112, 9.3).
    [[nodiscard]] bool keeps_connection() const;
};

/// Text of an HTTP/1.1 request with `Host: example.test`; Content-Length is added where there is
/// content, and for POST, PUT and PATCH, unless `fields` frame the content themselves.
std::string make_request(std::string_view method, std::string_view target,
                         FieldList const& fields = {}, std::string_view content = {});
/// The pieces as chunks, with the last chunk and the trailer section.
std::string chunked(std::vector<std::string> const& pieces, FieldList const& trailers = {});

/// A blocking client that sends exactly the bytes it is given and reads strictly. Every wait is
/// bounded (socket.hpp). Owned by one thread.
class RawClient {
public:
    explicit RawClient(Socket socket) : reader_{std::move(socket)} {}
    static RawClient tcp(std::uint16_t port, SocketOptions const& options = {});
    static RawClient v6(std::uint16_t port);
    static RawClient unix_socket(std::string const& path);

    void send(std::string_view bytes, Deadline deadline = within());
    void half_close() { reader_.socket().shutdown_write(); }
    void reset() { reader_.socket().reset(); }
    void close() { reader_.socket().close(); }

    /// One final response with the interim ones before it. Throws on a malformed response, on a
    /// time-out, and where the connection ends before the content's end.
    Response read_response(bool request_was_head = false, Deadline deadline = within());
    /// The same, but content cut short is told by `complete`.
    Response read_response_as_it_comes(bool request_was_head = false, Deadline deadline = within());
    /// Head only, interim ones skipped into `interim`; the content stays unread.
    Response read_response_head(bool request_was_head = false, Deadline deadline = within());
    /// The content after read_response_head, given to `sink` piece by piece.
    void read_content(Response& response, MessageReader::Sink const& sink);

    /// send and read_response.
    Response exchange(std::string_view request);

    /// The peer closes before the deadline and sends nothing before that.
    bool closed_without_a_byte(Deadline deadline = within());
    /// The peer closes before the deadline, whatever it sends.
    bool closed(Deadline deadline = within()) { return reader_.socket().wait_closed(deadline); }

    [[nodiscard]] MessageReader& reader() { return reader_; }
    [[nodiscard]] Socket& socket() { return reader_.socket(); }

private:
    MessageReader reader_;
};

}  // namespace reverse_proxy::test_support
