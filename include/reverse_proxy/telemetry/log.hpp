#pragma once

// The daemon's log: lines that any thread has to say go to standard output through one asynchronous
// queue, beside the access log's (access_log.hpp).

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace reverse_proxy::telemetry {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error };

/// One key and its value in a log line. The key is an identifier of our own, written as it is.
using LogField = std::pair<std::string_view, std::string>;

/// Starts the asynchronous, bounded queue and its thread. Call once, before the first line; without
/// it lines of `warn` and above go to standard error and the rest nowhere (unit tests).
/// @param level   trace, debug, info, warn, error
/// @param json    one JSON object a line, else text; both escape control bytes, so that a value
/// never starts a line
void start_logging(LogLevel level, bool json);
/// Writes out what is queued, lines of the access log included, and ends the thread.
/// @param patience  how long whoever reads standard output may read nothing
/// @return false where that was exceeded: the thread stays in its write, what is queued is lost
/// unless it is read yet, and nothing that the thread uses may be destroyed (std::_Exit)
[[nodiscard]] bool stop_logging(std::chrono::milliseconds patience = std::chrono::seconds{2});
/// Any thread. Never blocks: a full queue drops the oldest lines and counts them.
void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields = {});
[[nodiscard]] bool log_enabled(LogLevel level);
/// Lines dropped so far, of this log and of the access log, because nobody read them in time.
[[nodiscard]] std::uint64_t log_lines_dropped();
/// "info" -> LogLevel::info; the settings table has checked the name.
LogLevel log_level(std::string_view name);

}  // namespace reverse_proxy::telemetry
