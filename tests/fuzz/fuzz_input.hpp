#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

/// What the fuzz targets share: reading their input, and the one way to say that an invariant does
/// not hold.
namespace reverse_proxy::fuzz {

/// Prints bytes so that a terminal survives them.
inline void print_escaped(std::string_view title, std::string_view bytes) {
    std::fprintf(stderr, "--- %.*s (%zu bytes)\n", static_cast<int>(title.size()), title.data(),
                 bytes.size());
    for (char const c : bytes) {
        if (c == '\n') {
            std::fputs("\\n\n", stderr);
        } else if (c == '\r') {
            std::fputs("\\r", stderr);
        } else if (c >= ' ' && c < 0x7F) {
            std::fputc(c, stderr);
        } else {
            std::fprintf(stderr, "\\x%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
        }
    }
    std::fputs("\n", stderr);
}

/// An invariant of a target. On a breach the process ends, which is how libFuzzer and the replay
/// learn of it.
inline void require(bool holds, std::string_view what, std::string_view bytes = {}) {
    if (holds) return;
    print_escaped("input of the check", bytes);
    std::fprintf(stderr, "fuzz: broken: %.*s\n", static_cast<int>(what.size()), what.data());
    std::abort();
}

/// How a stream of bytes is cut into reads; chosen by one byte of the input, whose upper two bits
/// do not count so that a letter can stand for it: `@` not at all, `A` to `H` pieces of 1 to 8
/// bytes, the others a pattern of their own.
class Cuts {
public:
    explicit Cuts(std::uint8_t how) : how_{how & 0x3FU}, state_{how_ * 2'654'435'761U + 1} {}

    /// Size of the next piece of `left` bytes; 0 for none.
    std::size_t next(std::size_t left) {
        if (how_ == 0) return left;
        std::size_t size = how_;
        if (how_ > 8) {
            state_ ^= state_ << 13;
            state_ ^= state_ >> 17;
            state_ ^= state_ << 5;
            size = 1 + state_ % (2 * how_);
        }
        return size < left ? size : left;
    }

private:
    std::uint32_t how_;
    std::uint32_t state_;
};

/// The input's bytes, taken from its front.
class Input {
public:
    Input(std::uint8_t const* data, std::size_t size)
        : bytes_{reinterpret_cast<char const*>(data), size} {}  // NOLINT(*-reinterpret-cast)

    /// 0 where nothing is left.
    std::uint8_t byte() {
        if (bytes_.empty()) return 0;
        auto const first = static_cast<std::uint8_t>(bytes_.front());
        bytes_.remove_prefix(1);
        return first;
    }
    /// Up to `separator`, which is taken too.
    std::string_view until(std::string_view separator) {
        std::size_t const end = bytes_.find(separator);
        std::string_view const part = bytes_.substr(0, end);
        bytes_.remove_prefix(end == std::string_view::npos ? bytes_.size()
                                                           : end + separator.size());
        return part;
    }
    std::string_view rest() { return std::exchange(bytes_, {}); }
    [[nodiscard]] bool empty() const { return bytes_.empty(); }

private:
    std::string_view bytes_;
};

}  // namespace reverse_proxy::fuzz

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size);
