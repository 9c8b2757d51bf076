#pragma once

#include <string>

namespace reverse_proxy::telemetry {

/// docs/metrics.md, generated from the table of metrics. A test compares it with the file.
std::string metrics_markdown();

}  // namespace reverse_proxy::telemetry
