#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace reverse_proxy::http {

/// Decodes chunked content (RFC 9112, 7.1) byte for byte, in any cut, in constant memory.
///
/// Strict: sizes are 1 to 16 hexadecimal digits below 2^63 (no sign, blank, 0x), lines end in CRLF,
/// extensions are of the RFC's form (they are dropped; blanks only where it has BWS) and up to 4
/// KiB of them in one message.
class ChunkDecoder {
public:
    enum class Status : std::uint8_t {
        content,    // `content` is a piece of the content; call again with the rest
        need_more,  // all was consumed, more must come
        trailers,   // the last chunk was read: what follows is the trailer section, up to its empty
                    // line
        failed
    };
    struct Step {
        Status status;
        std::size_t consumed;  // bytes of the input used up by this step, the content's included
        std::string_view content;  // slice of the input; non-empty exactly for `content`
    };
    /// One step over `bytes` (not empty). After `trailers` or `failed` it must not be called again.
    Step decode(std::string_view bytes);

    /// Literal text: why it failed.
    [[nodiscard]] std::string_view reason() const { return reason_; }

private:
    enum class State : std::uint8_t {
        size_first,
        size,
        blanks_before_semicolon,
        name_first,  // blanks before the name too
        name,
        blanks_after_name,
        value_first,  // blanks before the value too
        token,
        quoted,
        quoted_pair,
        quoted_end,
        size_lf,
        data,
        data_cr,
        data_lf
    };
    /// One byte of a size line; false where it may not stand there.
    bool take(char c);
    bool take_extension(char c);
    bool end_of_extension(char c);
    Step fail(std::string_view reason);

    std::uint64_t remaining_{0};
    std::uint32_t extension_bytes_{0};
    std::uint8_t digits_{0};
    bool last_{false};  // the size was 0
    State state_{State::size_first};
    std::string_view reason_;
};

/// Writes `size` in hexadecimal and CRLF to `out` (at least 18 bytes); returns the number of bytes.
std::size_t write_chunk_size(char* out, std::uint64_t size);

}  // namespace reverse_proxy::http
