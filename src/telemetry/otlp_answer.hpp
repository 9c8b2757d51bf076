#pragma once

#include "reverse_proxy/core/random.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace reverse_proxy::telemetry {

/// What a collector made of an export (opentelemetry-proto, docs/specification.md, "OTLP/HTTP
/// Response").
struct OtlpAnswer {
    enum class Verdict : std::uint8_t {
        accepted,
        refused,  // for good: the same spans must not be sent again
        retry     // 429, 502, 503, 504, or no answer at all
    };
    Verdict verdict{Verdict::retry};
    std::uint64_t rejected{0};                 // spans of an accepted export (partial success)
    std::optional<std::chrono::seconds> wait;  // Retry-After
    std::string why;                           // for the log; "" where all is well
};

/// @param retry_after  the field's value; a date is not understood and counts as none
/// @param content      JSON of an accepted export; what is not as it should be counts as success
OtlpAnswer judge_answer(unsigned status, std::string_view retry_after, std::string_view content);

/// The wait before retry n = 1, 2, ...: 250 ms, doubled each time, half of it drawn at random.
std::chrono::milliseconds export_backoff(unsigned retry, core::Random& random);

}  // namespace reverse_proxy::telemetry
