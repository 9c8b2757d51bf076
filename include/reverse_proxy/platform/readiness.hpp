#pragma once

#include <cstdint>

namespace reverse_proxy::platform {

/// What a socket can be waited for; bits.
using Readiness = std::uint8_t;
inline constexpr Readiness kReadable = 1;
inline constexpr Readiness kWritable = 2;
/// The peer has closed its sending side, or the connection failed. Stays set.
inline constexpr Readiness kHungUp = 4;
/// The connection failed (the peer reset it, or its kernel is gone): nothing can be sent any more.
/// Stays set. Where the peer has closed its sending side before, this alone tells that it has gone.
inline constexpr Readiness kReset = 8;

}  // namespace reverse_proxy::platform
