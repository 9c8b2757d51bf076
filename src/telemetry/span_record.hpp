#pragma once

#include "reverse_proxy/telemetry/span.hpp"
#include "telemetry/line_buffer.hpp"

#include <cstddef>
#include <string_view>

namespace reverse_proxy::telemetry {

/// Longest text of a span, in bytes; what is longer is cut.
inline constexpr std::size_t kMostTargetBytes = 2048;
inline constexpr std::size_t kMostTextBytes = 256;

/// Replaces `out` by the span as it lies in a ring: fixed part, then its texts, each cut to its
/// bound. For this process alone, so in its own byte order.
void write_span(LineBuffer& out, Span const& span);

/// Reads the span that `records` begins with and moves past it and the ring's line feed. The
/// slices are of `records`, which must hold whole records as write_span made them.
Span take_span(std::string_view& records);

}  // namespace reverse_proxy::telemetry
