#include "reverse_proxy/telemetry/metrics_doc.hpp"

#include "telemetry/label_values.hpp"
#include "telemetry/metrics.hpp"

#include <string_view>

namespace reverse_proxy::telemetry {
namespace {

void append_labels(std::string& out, Metric const& row) {
    auto const names = row.label_names();
    if (names.empty()) out += "none";
    for (std::size_t i = 0; i < names.size(); ++i) {
        if (i != 0) out += ", ";
        out += '`';
        out += names[i];
        out += '`';
    }
}

template <typename Values>
void append_values(std::string& out, std::string_view label, std::string_view of,
                   Values const& values) {
    out += "| `";
    out += label;
    out += "` of `";
    out += of;
    out += "` |";
    for (std::string_view const value : values) {
        out += " `";
        out += value;
        out += '`';
    }
    out += " |\n";
}

constexpr std::string_view kIntroduction = R"(# Metrics

Generated from the table in `src/telemetry/metrics.cpp`; a test keeps the two alike. `GET /metrics`
answers in the Prometheus text format 0.0.4. Times are in seconds, sizes in bytes. Counters start
at 0 with the process; series with a closed set of label values exist from the start.

)";

constexpr std::string_view kNotes = R"(
## Paths

The label `path` is the request's path without its query, with `:id` in place of each segment that
looks like an identifier: `/users/42/orders` counts as `/users/:id/orders`. Identifiers are digits
(also with separators, such as a date), UUIDs, 8 or more hexadecimal digits, segments that are at
least half digits and have four of them, tokens (16 or more characters with digits and letters of
both cases; 20 or more letters and digits), segments longer than 64 characters, and segments with
bytes such as `%` that have no place in a label.

At most 512 sets of method, path and status exist, over all workers together and first come, first
served. Requests beyond them, and paths whose label would be longer than 128 bytes or 16 segments,
count under `path="other"`; `reverse_proxy_label_overflow_total` says how many. A request whose head
could not be read has no path and counts under `path="other"` as well. Under `path="other"` method
and status are told apart for 128 sets; past these the method is `OTHER` and the status its class
(`200` for any 2xx).

## Quantiles

`request_latency_seconds` gives quantiles of a sliding window: what was counted since the minute
before the last full one, so one to two minutes. They are exact to about 3 % (4 µs below 65 µs) and
`NaN` while the window is empty. Quantiles of several instances cannot be added up; for that use
`reverse_proxy_request_duration_seconds`.

## Endpoints

The label `upstream` is the endpoint, `127.0.0.1:9000` or, for an upstream given by name,
`name:9000@10.0.0.5`. Series of an endpoint that its name no longer resolves to are gone.
)";

}  // namespace

std::string metrics_markdown() {
    std::string out{kIntroduction};
    out += "| name | kind | labels | meaning |\n| --- | --- | --- | --- |\n";
    for (Metric const& row : metrics()) {
        out += "| `";
        out += row.name;
        out += "` | ";
        out += name_of(row.kind);
        out += " | ";
        append_labels(out, row);
        out += " | ";
        out += row.help;
        out += " |\n";
    }
    out += "\n## Label values\n\n| label | values |\n| --- | --- |\n";
    append_values(out, "stage", metric(MetricId::stage_duration).name, kStageValues);
    append_values(out, "reason", metric(MetricId::rejected_requests).name, kRejectReasonValues);
    append_values(out, "outcome", metric(MetricId::attempts).name, kAttemptOutcomeValues);
    append_values(out, "reason", metric(MetricId::retries).name, kRetryReasonValues);
    append_values(out, "to", metric(MetricId::breaker_transitions).name, kBreakerStateValues);
    out += kNotes;
    return out;
}

}  // namespace reverse_proxy::telemetry
