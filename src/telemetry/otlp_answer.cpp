#include "telemetry/otlp_answer.hpp"

#include <nlohmann/json.hpp>

#include <charconv>

namespace reverse_proxy::telemetry {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kMostWhyBytes = 200;  // of a collector's own words in our log

std::optional<std::chrono::seconds> whole_seconds(std::string_view text) {
    unsigned seconds = 0;
    char const* const end = text.data() + text.size();
    auto const read = std::from_chars(text.data(), end, seconds);
    if (text.empty() || read.ec != std::errc{} || read.ptr != end) return {};
    return std::chrono::seconds{seconds};
}

/// A 64-bit number is a string in OTLP's JSON; receivers take a number, too.
std::uint64_t count_of(Json const& value) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    if (!value.is_string()) return 0;
    auto const& text = value.get_ref<std::string const&>();
    std::uint64_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

void read_partial_success(std::string_view content, OtlpAnswer& answer) {
    Json const json = Json::parse(content, nullptr, false);
    if (!json.is_object()) return;
    auto const partial = json.find("partialSuccess");
    if (partial == json.end() || !partial->is_object()) return;
    if (auto const rejected = partial->find("rejectedSpans"); rejected != partial->end())
        answer.rejected = count_of(*rejected);
    auto const message = partial->find("errorMessage");
    if (message != partial->end() && message->is_string())
        answer.why = message->get<std::string>().substr(0, kMostWhyBytes);
    if (answer.rejected > 0 && answer.why.empty()) answer.why = "spans rejected";
}

}  // namespace

OtlpAnswer judge_answer(unsigned status, std::string_view retry_after, std::string_view content) {
    OtlpAnswer answer;
    if (status >= 200 && status < 300) {
        answer.verdict = OtlpAnswer::Verdict::accepted;
        read_partial_success(content, answer);
        return answer;
    }
    answer.why = "status " + std::to_string(status);
    bool const passing = status == 429 || (status >= 502 && status <= 504);
    answer.verdict = passing ? OtlpAnswer::Verdict::retry : OtlpAnswer::Verdict::refused;
    if (passing) answer.wait = whole_seconds(retry_after);
    return answer;
}

std::chrono::milliseconds export_backoff(unsigned retry, core::Random& random) {
    constexpr std::uint64_t kBaseMs = 250;
    constexpr unsigned kMostDoublings = 6;
    std::uint64_t const whole = kBaseMs << std::min(retry - 1, kMostDoublings);
    return std::chrono::milliseconds{whole / 2 + random.below(whole / 2 + 1)};
}

}  // namespace reverse_proxy::telemetry
