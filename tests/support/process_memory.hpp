#pragma once

#include <cstdint>

namespace reverse_proxy::test_support {

/// Resident memory of this process in bytes (VmRSS of /proc/self/status).
[[nodiscard]] std::uint64_t resident_bytes();
/// Highest resident memory since the last reset_peak() (VmHWM).
[[nodiscard]] std::uint64_t peak_resident_bytes();
void reset_peak();

/// A sanitizer's shadow and quarantine make figures of memory meaningless.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kMemoryIsMeaningful = false;
#else
inline constexpr bool kMemoryIsMeaningful = true;
#endif

}  // namespace reverse_proxy::test_support
