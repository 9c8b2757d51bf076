#pragma once

#include <cstdint>
#include <optional>

namespace reverse_proxy::telemetry {

/// What the kernel says about this process. A figure that the system does not offer (/proc is not
/// mounted) is left out.
struct ProcessFigures {
    double cpu_seconds{};
    std::optional<std::uint64_t> resident_bytes;
    std::optional<std::uint64_t> virtual_bytes;
    std::optional<std::uint64_t> open_fds;
    std::optional<std::uint64_t> max_fds;
};

/// Reads a few files under /proc: for the control thread, when metrics are asked for.
ProcessFigures read_process_figures();

}  // namespace reverse_proxy::telemetry
