#pragma once

#include <chrono>

namespace reverse_proxy::core {

/// The one clock of deadlines and durations: monotonic, unaffected by changes of the wall clock.
/// Plain classes never read it themselves; they are given a TimePoint.
using Clock = std::chrono::steady_clock;
using TimePoint = Clock::time_point;
using Duration = Clock::duration;

/// "No deadline".
inline constexpr TimePoint kNever = TimePoint::max();

}  // namespace reverse_proxy::core
