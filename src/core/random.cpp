#include "reverse_proxy/core/random.hpp"

#include <algorithm>
#include <bit>
#include <random>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace reverse_proxy::core {

namespace {

/// The 16 digits of a number.
void write_digits(char* out, std::uint64_t bits) {
#if defined(__SSE2__)
    __m128i const half = _mm_set1_epi8(0x0F);
    __m128i const bytes = _mm_loadl_epi64(reinterpret_cast<__m128i const*>(&bits));
    __m128i const low = _mm_and_si128(bytes, half);
    __m128i const high = _mm_and_si128(_mm_srli_epi16(bytes, 4), half);
    __m128i const digits = _mm_unpacklo_epi8(high, low);
    __m128i const is_letter = _mm_cmpgt_epi8(digits, _mm_set1_epi8(9));
    __m128i const to_letter = _mm_and_si128(is_letter, _mm_set1_epi8('a' - '0' - 10));
    __m128i const text = _mm_add_epi8(_mm_add_epi8(digits, _mm_set1_epi8('0')), to_letter);
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out), text);
#else
    for (char* const end = out + 16; out != end; bits >>= 4)
        *out++ = "0123456789abcdef"[bits & 15];
#endif
}

}  // namespace

Random::Random() {
    std::random_device kernel;  // getrandom(2) in libstdc++ on Linux
    for (auto& word : state_)
        word = (std::uint64_t{kernel()} << 32) | kernel();
}

Random::Random(std::uint64_t seed) {
    // SplitMix64, as the authors of xoshiro advise for seeding.
    for (auto& word : state_) {
        seed += 0x9e3779b97f4a7c15;
        std::uint64_t mixed = seed;
        mixed = (mixed ^ (mixed >> 30)) * 0xbf58476d1ce4e5b9;
        mixed = (mixed ^ (mixed >> 27)) * 0x94d049bb133111eb;
        word = mixed ^ (mixed >> 31);
    }
}

std::uint64_t Random::next() {
    std::uint64_t const result = std::rotl(state_[0] + state_[3], 23) + state_[0];
    std::uint64_t const shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
}

std::uint64_t Random::below(std::uint64_t bound) {
    if (bound == 0) return 0;
    // Numbers under 2^64 mod bound are drawn again, so that each remainder is equally likely.
    std::uint64_t const unfair = (0 - bound) % bound;
    std::uint64_t drawn = next();
    while (drawn < unfair)
        drawn = next();
    return drawn % bound;
}

void Random::hex(char* out, unsigned digits) {
    for (unsigned written = 0; written < digits; written += 16)
        write_digits(out + written, std::max<std::uint64_t>(next(), 1));
}

}  // namespace reverse_proxy::core
