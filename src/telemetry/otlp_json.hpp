#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/telemetry/span.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace reverse_proxy::telemetry {

/// Who the spans are of: the resource's service.version and service.instance.id.
struct Service {
    std::string version;
    std::string instance_id;
};

/// An ExportTraceServiceRequest in OTLP's JSON (opentelemetry-proto, docs/specification.md, "JSON
/// Protobuf Encoding"): ids in hexadecimal, 64-bit integers as decimal strings, enums as numbers.
/// Attributes and status follow the stable HTTP conventions of OpenTelemetry. Bytes that are not
/// UTF-8 become U+FFFD.
/// @param clock_offset  from the spans' clock to the wall clock's time since 1970
std::string otlp_json(std::vector<Span> const& spans, Service const& service,
                      std::chrono::nanoseconds clock_offset);

}  // namespace reverse_proxy::telemetry
