#include "reverse_proxy/http/chunked.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace reverse_proxy::http {
namespace {

/// All extensions of one message: room for signatures, none for an endless size line.
constexpr std::uint32_t kMaxExtensionBytes = 4096;
/// A size of 16 digits fits 64 bits; the top bit is refused, as some readers hold a size signed.
constexpr unsigned kMaxDigits = 16;

constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

}  // namespace

ChunkDecoder::Step ChunkDecoder::decode(std::string_view bytes) {
    std::size_t used = 0;
    while (used < bytes.size()) {
        if (state_ == State::data) {
            std::size_t const piece =
                static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, bytes.size() - used));
            remaining_ -= piece;
            if (remaining_ == 0) state_ = State::data_cr;
            return {Status::content, used + piece, bytes.substr(used, piece)};
        }
        bool const line_ends = state_ == State::size_lf;
        if (!take(bytes[used])) return fail(reason_);
        ++used;
        if (line_ends && last_) return {Status::trailers, used, {}};
    }
    return {Status::need_more, used, {}};
}

bool ChunkDecoder::take(char c) {
    switch (state_) {
    case State::size_first:
    case State::size: {
        int const digit = hex_value(c);
        if (digit >= 0) {
            if (digits_ == kMaxDigits || (remaining_ >> 59) != 0) {
                reason_ = "chunk size overflows";
                return false;
            }
            ++digits_;
            remaining_ = remaining_ * 16 + static_cast<std::uint64_t>(digit);
            state_ = State::size;
            return true;
        }
        reason_ = "chunk size not plain hexadecimal";
        return state_ == State::size && end_of_extension(c);
    }
    case State::size_lf:
        reason_ = "chunk size without CRLF";
        last_ = remaining_ == 0;
        state_ = State::data;
        return c == '\n';
    case State::data_cr:
        reason_ = "chunk longer than its size";
        state_ = State::data_lf;
        return c == '\r';
    case State::data_lf:
        reason_ = "chunk without CRLF";
        digits_ = 0;
        state_ = State::size_first;
        return c == '\n';
    default:
        reason_ = "chunk extension not valid";
        if (++extension_bytes_ > kMaxExtensionBytes) {
            reason_ = "chunk extensions over the limit";
            return false;
        }
        return take_extension(c);
    }
}

/// RFC 9112, 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] )
bool ChunkDecoder::take_extension(char c) {
    switch (state_) {
    case State::blanks_before_semicolon:
        if (c == ';') state_ = State::name_first;
        return c == ';' || is_blank(c);
    case State::name_first:
        if (is_blank(c)) return true;
        state_ = State::name;
        return is_token_char(c);
    case State::name:
        if (is_token_char(c)) return true;
        if (is_blank(c)) {
            state_ = State::blanks_after_name;
            return true;
        }
        [[fallthrough]];
    case State::blanks_after_name:
        if (c == '=') {
            state_ = State::value_first;
            return true;
        }
        if (state_ == State::name) return end_of_extension(c);
        if (c == ';') state_ = State::name_first;
        return c == ';' || is_blank(c);
    case State::value_first:
        if (is_blank(c)) return true;
        state_ = c == '"' ? State::quoted : State::token;
        return c == '"' || is_token_char(c);
    case State::token:
        return is_token_char(c) || end_of_extension(c);
    case State::quoted:
        if (c == '"') state_ = State::quoted_end;
        if (c == '\\') state_ = State::quoted_pair;
        return is_field_value_char(c);
    case State::quoted_pair:
        state_ = State::quoted;
        return is_field_value_char(c);
    case State::quoted_end:
        return end_of_extension(c);
    default:
        return false;
    }
}

/// After a size or a whole extension: another one, blanks before it, or the end of the line.
bool ChunkDecoder::end_of_extension(char c) {
    if (c == '\r') {
        state_ = State::size_lf;
    } else if (c == ';') {
        state_ = State::name_first;
    } else if (is_blank(c)) {
        state_ = State::blanks_before_semicolon;
    } else {
        return false;
    }
    return true;
}

ChunkDecoder::Step ChunkDecoder::fail(std::string_view reason) {
    reason_ = reason;
    return {Status::failed, 0, {}};
}

std::size_t write_chunk_size(char* out, std::uint64_t size) {
    std::array<char, 16> digits{};
    std::size_t count = 0;
    do {
        digits[digits.size() - ++count] = "0123456789abcdef"[size & 15];
        size >>= 4;
    } while (size != 0);
    std::memcpy(out, digits.data() + digits.size() - count, count);
    out[count] = '\r';
    out[count + 1] = '\n';
    return count + 2;
}

}  // namespace reverse_proxy::http
