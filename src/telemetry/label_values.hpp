#pragma once

#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace reverse_proxy::telemetry {

// The values of the closed labels, by the enumerators of metrics_shard.hpp.
template <typename Enum>
using LabelValues = std::array<std::string_view, static_cast<std::size_t>(Enum::count)>;

inline constexpr LabelValues<Stage> kStageValues{
    "read_head", "admission",          "routing", "request_modifiers",
    "upstream",  "response_modifiers", "response"};

inline constexpr LabelValues<AttemptOutcome> kAttemptOutcomeValues{
    "ok",    "error_status", "connect_failed", "connect_timeout", "reset",
    "stale", "timeout",      "malformed",      "incomplete",      "aborted"};

inline constexpr LabelValues<RetryReason> kRetryReasonValues{"connect", "reset", "timeout",
                                                             "status", "stale"};

inline constexpr LabelValues<RejectReason> kRejectReasonValues{
    "in_flight",         "no_endpoint",  "malformed",       "head_too_large", "target_too_long",
    "content_too_large", "head_timeout", "content_timeout", "method"};

inline constexpr std::array<std::string_view, 3> kBreakerStateValues{"closed", "half_open", "open"};
inline constexpr std::array<std::string_view, 5> kStatusClassValues{"1xx", "2xx", "3xx", "4xx",
                                                                    "5xx"};

/// A value that was forgotten above would be empty.
template <std::size_t N> constexpr bool all_named(std::array<std::string_view, N> const& values) {
    for (std::string_view const value : values)
        if (value.empty()) return false;
    return true;
}
static_assert(all_named(kStageValues) && all_named(kAttemptOutcomeValues) &&
              all_named(kRetryReasonValues) && all_named(kRejectReasonValues));

}  // namespace reverse_proxy::telemetry
