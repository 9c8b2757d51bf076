#include "reverse_proxy/core/random.hpp"

#include <bit>
#include <random>

namespace reverse_proxy::core {

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
    std::uint64_t bits = 0;
    for (unsigned i = 0; i < digits; ++i) {
        if (i % 16 == 0) bits = next();
        out[i] = "0123456789abcdef"[bits & 15];
        bits >>= 4;
    }
}

}  // namespace reverse_proxy::core
