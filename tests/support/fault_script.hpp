#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace reverse_proxy::test_support {

/// What an origin is told to do with one request: `key` or `key=value`, separated by ';', in the
/// request's field X-Fault.
///
/// Content: `size=N` bytes of the pattern, `text=...`, `echo` (the request's content); else "ok\n".
/// Head: `status=N`, `extra=Name:Value` (also repeated), `keep_alive_timeout=N`, `http10`,
///   `interim=N` (sent before, also repeated).
/// Framing: Content-Length, or `chunked`, `until_close`; `trailer=Name:Value` (with chunked),
///   `lie_length=N` (a Content-Length of N, whatever is sent; closes after the content).
/// Waiting: `gate=X` before the head, `gate_mid=X` after the head and half of the content,
///   with `upgrade` before anything is read behind the 101; `gate_content=X` before the request's
///   content is read, `delay=N` milliseconds before the head, `stall` (never answers).
/// Ending: `reset_on_request` (as soon as the request's head is read), `reset_before_head`,
///   `close_before_head`, `close_in_head`, `reset_mid`, `close_mid` (after half of the content),
///   `close_after` (unannounced), `close_announced`, `reset_on_reuse` (the next request on this
///   connection is read and answered by a reset).
/// Requests with content: `early_final` (answers before reading any of it, then closes its sending
///   side), `early_keep` (the same, then reads the content and goes on), `early_half`
///   (the response's head and half of its content, then the request's content, then the rest),
///   `ignore_expect`, `slow_read=N` (MessageReader::slow_down; a tunnel is read like that, too).
/// Others: `drip` (one byte a send; `drip=N`: each N milliseconds after the last), `upgrade` (101,
///   then echoes, and `delay` after the peer has closed says `text`; with `size` it sends the
///   pattern and closes its sending side), `malformed=KIND` (see fault_connection.cpp).
class FaultScript {
public:
    FaultScript() = default;
    /// Throws std::invalid_argument on a key that is not listed above.
    explicit FaultScript(std::string_view text);

    [[nodiscard]] bool has(std::string_view key) const { return value(key).has_value(); }
    [[nodiscard]] std::optional<std::string> value(std::string_view key) const;
    [[nodiscard]] std::vector<std::string> values(std::string_view key) const;
    [[nodiscard]] std::uint64_t number(std::string_view key, std::uint64_t otherwise) const;

private:
    std::vector<std::pair<std::string, std::string>> entries_;
};

}  // namespace reverse_proxy::test_support
