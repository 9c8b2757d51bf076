#include "http/field_line.hpp"

#include "reverse_proxy/http/characters.hpp"

#include <bit>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace reverse_proxy::http {
namespace {

/// The first byte that neither a field value nor a start line may hold: of a sound line, the CR at
/// its end.
char const* find_control(char const* at, char const* end) {
#if defined(__SSE2__)
    __m128i const highest_control = _mm_set1_epi8(0x1F);
    __m128i const tab = _mm_set1_epi8('\t');
    __m128i const del = _mm_set1_epi8(0x7F);
    for (; end - at >= 16; at += 16) {
        __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(at));
        __m128i const controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest_control), bytes);
        __m128i const wanted = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), controls),
                                            _mm_cmpeq_epi8(bytes, del));
        auto const mask = static_cast<unsigned>(_mm_movemask_epi8(wanted));
        if (mask != 0) return at + std::countr_zero(mask);
    }
#endif
    while (at != end && is_field_value_char(*at))
        ++at;
    return at;
}

/// Behind a token. Names are made of letters, digits and `-` nearly always: of those 16 at a time,
/// of what else a token may hold (RFC 9110, 5.6.2) one.
char const* token_end(char const* at, char const* end) {
#if defined(__SSE2__)
    auto const within = [](__m128i bytes, char first, char count) {
        __m128i const offset = _mm_sub_epi8(bytes, _mm_set1_epi8(first));
        __m128i const last = _mm_set1_epi8(static_cast<char>(count - 1));
        return _mm_cmpeq_epi8(_mm_min_epu8(offset, last), offset);
    };
    for (; end - at >= 16; at += 16) {
        __m128i const bytes = _mm_loadu_si128(reinterpret_cast<__m128i const*>(at));
        __m128i const letters = within(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 26);
        __m128i const digits = within(bytes, '0', 10);
        __m128i const dashes = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('-'));
        __m128i const usual = _mm_or_si128(_mm_or_si128(letters, digits), dashes);
        unsigned const others = ~static_cast<unsigned>(_mm_movemask_epi8(usual)) & 0xFFFFU;
        if (others == 0) continue;
        at += std::countr_zero(others);
        break;
    }
#endif
    while (at != end && is_token_char(*at))
        ++at;
    return at;
}

constexpr bool is_blank(char c) {
    return c == ' ' || c == '\t';
}

}  // namespace

LineReader::Status LineReader::malformed(std::string_view reason) {
    reason_ = reason;
    return Status::malformed;
}

bool LineReader::take_empty_line() {
    if (end_ - at_ < 2 || at_[0] != '\r' || at_[1] != '\n') return false;
    at_ += 2;
    return true;
}

LineReader::Status LineReader::take_line_end(char const* line_end) {
    if (line_end == end_) return Status::incomplete;
    if (*line_end == '\n') return malformed("bare LF");
    if (*line_end != '\r') return malformed("control byte");
    if (line_end + 1 == end_) return Status::incomplete;
    if (line_end[1] != '\n') return malformed("bare CR");
    at_ = line_end + 2;
    return Status::line;
}

LineReader::Status LineReader::take_start_line(std::string_view& line) {
    char const* const begin = at_;
    char const* const line_end = find_control(begin, end_);
    line = {begin, static_cast<std::size_t>(line_end - begin)};
    return take_line_end(line_end);
}

LineReader::Status LineReader::take_field_line(Field& field) {
    char const* const begin = at_;
    char const* const colon = token_end(begin, end_);
    if (colon == end_) return Status::incomplete;
    if (*colon == '\r' && colon == begin && colon + 1 == end_) return Status::incomplete;
    if (*colon != ':' || colon == begin) {
        return malformed(is_blank(*begin) ? "folded field line" : "field name is no token");
    }
    char const* value = colon + 1;
    while (value != end_ && is_blank(*value))
        ++value;
    char const* const line_end = find_control(value, end_);
    char const* value_end = line_end;
    while (value_end != value && is_blank(value_end[-1]))
        --value_end;

    Status const status = take_line_end(line_end);
    if (status != Status::line) return status;
    field.name = {begin, static_cast<std::size_t>(colon - begin)};
    field.value = {value, static_cast<std::size_t>(value_end - value)};
    field.line = {begin, static_cast<std::size_t>(at_ - begin)};
    field.id = field_id(field.name);
    field.canonical = value - colon == 2 && colon[1] == ' ' && line_end == value_end;
    return status;
}

}  // namespace reverse_proxy::http
