#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace reverse_proxy::core {

/// xoshiro256++ (Blackman and Vigna, 2018), seeded from getrandom(2) or, in tests, from a number.
/// For jitter and identifiers, never for secrets. Owned by one worker; not shared between threads.
class Random {
public:
    /// Seeds from the kernel.
    Random();
    /// A repeatable sequence; for tests.
    explicit Random(std::uint64_t seed);

    std::uint64_t next();
    /// Uniform in [0, bound); 0 where bound is 0.
    std::uint64_t below(std::uint64_t bound);
    /// Writes `digits` lower-case hexadecimal digits, a multiple of 16, to `out`. No 16 of them are
    /// all zeros, which is no valid identifier (W3C Trace Context, 3.2.2.3).
    void hex(char* out, unsigned digits);

private:
    std::array<std::uint64_t, 4> state_{};
};

}  // namespace reverse_proxy::core
