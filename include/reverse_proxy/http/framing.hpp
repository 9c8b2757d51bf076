#pragma once

#include "reverse_proxy/core/failure.hpp"
#include "reverse_proxy/http/head.hpp"
#include "reverse_proxy/http/target.hpp"

#include <cstdint>

namespace reverse_proxy::http {

/// How the end of a message's content is found (RFC 9112, 6.3).
struct Framing {
    enum class Kind : std::uint8_t { none, length, chunked, until_close };
    Kind kind{Kind::none};
    std::uint64_t length{0};  // of kind `length`; may be 0
    /// False: a response that can have no content announced some all the same (204 and 1xx with a
    /// Content-Length over 0). What follows it on the connection cannot be told from the next
    /// response, so the connection must not be used again.
    bool connection_reusable{true};
};

/// The one decision about a request's length. Refuses everything that two readers could read
/// differently (RFC 9112, 6.1 and 6.3, stricter): Content-Length with Transfer-Encoding,
/// Content-Length repeated or in a list even where equal, signs, blanks, leading zeros, 2^63 and
/// above; any Transfer-Encoding but exactly one `chunked`; Transfer-Encoding in HTTP/1.0; content
/// with TRACE (RFC 9110, 9.3.8) and, in HTTP/1.0, with GET, HEAD and DELETE, whose content old
/// servers take for the next request. Kinds: request_malformed; transfer_coding_unknown where the
/// only fault is a coding other than chunked.
core::Result<Framing> request_framing(RequestHead const& head);

/// The same for a response. After HEAD and with 1xx, 204 and 304 there is no content whatever the
/// fields say; they must be sound all the same. Kind: response_malformed.
core::Result<Framing> response_framing(ResponseHead const& head, bool request_was_head);

/// Checks Host (RFC 9112, 3.2): exactly one in HTTP/1.1, at most one in 1.0, of valid form and not
/// empty. Kind: request_malformed.
core::Result<void> check_host(RequestHead const& head);
/// The same, and that Host names the authority of an absolute target, case and default port aside.
/// RFC 9112, 3.2.2 would let the target win; but a reader that looks at Host alone would then route
/// the request elsewhere.
core::Result<void> check_host(RequestHead const& head, Target const& target);

/// Whether the client waits for a 100 before it sends its content (RFC 9110, 10.1.1): one of the
/// expectations in its lines of Expect says so, and it is not of HTTP/1.0.
bool expects_continue(RequestHead const& head);

/// Whether the sender's fields and version ask to keep the connection (RFC 9112, 9.3).
bool wants_keep_alive(Fields const& fields, unsigned minor_version);

}  // namespace reverse_proxy::http
