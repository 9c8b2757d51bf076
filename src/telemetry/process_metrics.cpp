#include "telemetry/process_metrics.hpp"

#include <ctime>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>

namespace reverse_proxy::telemetry {
namespace {

/// The first number after `key` at the start of a line of `file`. "unlimited" is no number.
std::optional<std::uint64_t> number_after(char const* file, std::string_view key) {
    std::ifstream in{file};
    for (std::string line; std::getline(in, line);) {
        if (!line.starts_with(key)) continue;
        std::istringstream rest{line.substr(key.size())};
        std::uint64_t number{};
        if (rest >> number) return number;
        return std::nullopt;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> kibibytes_after(char const* file, std::string_view key) {
    auto const number = number_after(file, key);
    if (!number) return std::nullopt;
    return *number * 1024;
}

std::optional<std::uint64_t> count_open_fds() {
    std::error_code error;
    std::uint64_t seen = 0;
    std::filesystem::directory_iterator at{"/proc/self/fd", error};
    for (; !error && at != std::filesystem::directory_iterator{}; at.increment(error))
        ++seen;
    if (error || seen == 0) return std::nullopt;
    return seen - 1;  // the one that lists them
}

}  // namespace

ProcessFigures read_process_figures() {
    ProcessFigures figures;
    figures.cpu_seconds = static_cast<double>(std::clock()) / CLOCKS_PER_SEC;
    figures.resident_bytes = kibibytes_after("/proc/self/status", "VmRSS:");
    figures.virtual_bytes = kibibytes_after("/proc/self/status", "VmSize:");
    figures.open_fds = count_open_fds();
    figures.max_fds = number_after("/proc/self/limits", "Max open files");
    return figures;
}

}  // namespace reverse_proxy::telemetry
