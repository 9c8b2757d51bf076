#pragma once

#include "reverse_proxy/telemetry/log.hpp"
#include "telemetry/line_buffer.hpp"

#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace reverse_proxy::telemetry {

using WallClock = std::chrono::system_clock;

/// RFC 3339 in UTC with milliseconds, `2026-11-24T10:00:00.123Z`. Formats the date once a second.
/// Not shared between threads.
class Timestamp {
public:
    /// Valid until the next call.
    std::string_view text(WallClock::time_point now);

private:
    std::array<char, 24> text_{};
    WallClock::rep second_{-1};
};

/// Appends `value` as the inside of a JSON string (RFC 8259, 7). Control characters, C1 and the
/// line separators U+2028/2029 are escaped, a byte that is not UTF-8 becomes U+FFFD: the line is
/// valid JSON whatever a peer sent.
void append_json_escaped(LineBuffer& out, std::string_view value);
/// Appends `value` for the text format: as it is where it is one plain ASCII word, else in quotes
/// with `\"`, `\\` and `\xNN`. So no value can start a line, forge a key or drive a terminal.
void append_text_value(LineBuffer& out, std::string_view value);
/// The message of the text format: `\xNN` for what is not printable ASCII, no quotes.
void append_text_message(LineBuffer& out, std::string_view message);

std::string_view name_of(LogLevel level);

/// Writes one line, without its line feed, in either format. Keys are identifiers of our own and go
/// in as they are. Allocates only where the buffer
/// must grow.
class LineWriter {
public:
    LineWriter(LineBuffer& out, bool json) : out_{out}, json_{json} { out_.clear(); }

    void begin(std::string_view timestamp, LogLevel level, std::string_view message);
    void text(std::string_view key, std::string_view value);
    void number(std::string_view key, std::uint64_t value);
    /// In milliseconds with three decimals.
    void milliseconds(std::string_view key, std::chrono::nanoseconds value);
    void end();

private:
    void key(std::string_view key);

    LineBuffer& out_;
    bool json_;
};

}  // namespace reverse_proxy::telemetry
