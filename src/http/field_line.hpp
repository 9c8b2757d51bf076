#pragma once

#include "reverse_proxy/http/head.hpp"

#include <string_view>

namespace reverse_proxy::http {

/// One pass over the lines of a head or trailer section. Nothing is copied, and bytes are
/// looked at 16 at a time where the processor can (docs/adr/0006).
class LineReader {
public:
    explicit LineReader(std::string_view bytes)
        : begin_{bytes.data()}, at_{begin_}, end_{begin_ + bytes.size()} {}

    enum class Status : std::uint8_t { line, incomplete, malformed };

    /// Takes the CRLF of an empty line, if that is what comes next.
    bool take_empty_line();
    /// Takes a start line, without its CRLF. It may hold what a field value may hold.
    Status take_start_line(std::string_view& line);
    /// Takes `name ":" OWS value OWS CRLF` (RFC 9112, 5); `dropped` is left alone. A folded line
    /// begins with a blank, so its name is no token.
    Status take_field_line(Field& field);

    /// Why the last line was malformed; a literal.
    [[nodiscard]] std::string_view reason() const { return reason_; }
    [[nodiscard]] std::size_t taken() const { return static_cast<std::size_t>(at_ - begin_); }

private:
    Status malformed(std::string_view reason);
    Status take_line_end(char const* line_end);

    char const* begin_;
    char const* at_;
    char const* end_;
    std::string_view reason_;
};

}  // namespace reverse_proxy::http
