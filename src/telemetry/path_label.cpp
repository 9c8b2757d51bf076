#include "telemetry/path_label.hpp"

#include <cstdint>
#include <cstring>

namespace reverse_proxy::telemetry {
namespace {

// What the bytes of a segment are; a segment has the traits of all its bytes.
constexpr unsigned kDigit = 1;
constexpr unsigned kHexLetter = 2;
constexpr unsigned kOtherLetter = 4;
constexpr unsigned kLower = 8;
constexpr unsigned kUpper = 16;
constexpr unsigned kSeparator = 32;  // - and _
constexpr unsigned kMark = 64;       // further bytes that may stand in a label
constexpr unsigned kUnsafe = 128;

constexpr auto kTraits = [] {
    std::array<std::uint8_t, 256> traits{};
    traits.fill(kUnsafe);
    auto const set = [&](std::string_view bytes, unsigned trait) {
        for (char const byte : bytes)
            traits[static_cast<unsigned char>(byte)] = static_cast<std::uint8_t>(trait);
    };
    set("0123456789", kDigit);
    set("abcdef", kHexLetter | kLower);
    set("ABCDEF", kHexLetter | kUpper);
    set("ghijklmnopqrstuvwxyz", kOtherLetter | kLower);
    set("GHIJKLMNOPQRSTUVWXYZ", kOtherLetter | kUpper);
    set("-_", kSeparator);
    set(".~:,;@!$&'()*+=", kMark);
    return traits;
}();

constexpr std::size_t kLongestName = 64;

struct Segment {
    std::size_t length;
    std::size_t digits;
    unsigned traits;
};

constexpr bool only(unsigned traits, unsigned allowed) {
    return (traits & ~allowed) == 0;
}

constexpr bool all(unsigned traits, unsigned wanted) {
    return (traits & wanted) == wanted;
}

bool has_uuid_dashes(char const* text) {
    return text[8] == '-' && text[13] == '-' && text[18] == '-' && text[23] == '-';
}

bool is_identifier(char const* text, Segment const& segment) {
    auto const [length, digits, traits] = segment;
    if (length > kLongestName || (traits & kUnsafe) != 0) return true;
    if (digits == 0) return only(traits, kHexLetter | kLower | kUpper) && length >= 8;
    if (only(traits, kDigit | kSeparator | kMark)) return true;
    if (digits >= 4 && digits * 2 >= length) return true;
    if (only(traits, kDigit | kHexLetter | kLower | kUpper) && length >= 8) return true;
    if (length == 36 && only(traits, kDigit | kHexLetter | kLower | kUpper | kSeparator) &&
        has_uuid_dashes(text))
        return true;
    // Tokens. Names with dots (files, gRPC services) are left alone unless they are very long.
    if ((traits & kMark) != 0) return false;
    if (length >= 16 && all(traits, kLower | kUpper)) return true;
    // With separators it may be a title of words (`top-10-of-2024`); six digits tell them apart.
    return length >= 20 && ((traits & kSeparator) == 0 || digits >= 6);
}

/// Looks at the bytes up to the next slash; stops looking (not counting) once the answer is clear.
Segment scan_segment(char const* begin, char const* end) {
    std::size_t digits = 0;
    unsigned traits = 0;
    char const* at = begin;
    for (; at != end && *at != '/'; ++at) {
        unsigned const trait = kTraits[static_cast<unsigned char>(*at)];
        traits |= trait;
        digits += trait & kDigit;
        if ((trait & kUnsafe) == 0 && at - begin <= static_cast<std::ptrdiff_t>(kLongestName))
            continue;
        auto const rest = static_cast<std::size_t>(end - at);
        void const* const slash = std::memchr(at, '/', rest);
        at = slash != nullptr ? static_cast<char const*>(slash) : end;
        break;
    }
    return {static_cast<std::size_t>(at - begin), digits, traits};
}

}  // namespace

std::string_view path_label(std::string_view path, PathLabelBuffer& buffer) {
    if (path.empty()) return {};
    if (path.front() != '/') return path == "*" ? std::string_view{"*"} : std::string_view{};

    std::size_t size = 0;
    unsigned segments = 0;
    char const* at = path.data();
    char const* const end = at + path.size();
    while (at != end) {
        if (++segments > kPathLabelSegments) return {};
        ++at;  // the slash
        Segment const segment = scan_segment(at, end);
        std::string_view const text = segment.length != 0 && is_identifier(at, segment)
                                          ? std::string_view{":id"}
                                          : std::string_view{at, segment.length};
        if (size + 1 + text.size() > buffer.size()) return {};
        buffer[size++] = '/';
        std::memcpy(buffer.data() + size, text.data(), text.size());
        size += text.size();
        at += segment.length;
    }
    return {buffer.data(), size};
}

}  // namespace reverse_proxy::telemetry
