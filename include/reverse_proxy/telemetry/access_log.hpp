#pragma once

// One line for each finished exchange, written last of all by the worker that served it.

#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

namespace reverse_proxy::telemetry {

/// What one line of the access log says. Slices need to live for the call only.
struct AccessRecord {
    std::string_view request_id;
    std::string_view trace_id;
    std::string_view client;  // address without port; "unix:" for a unix socket's peer
    std::string_view method;
    std::string_view target;  // as received; the query is cut off unless ACCESS_LOG_QUERY
    unsigned minor_version{1};
    unsigned status{0};
    std::uint64_t bytes_in{0};   // request content
    std::uint64_t bytes_out{0};  // response content
    std::chrono::nanoseconds duration{0};
    std::string_view upstream;  // endpoint label; "" where none was tried
    std::chrono::nanoseconds upstream_latency{0};
    unsigned attempts{0};
    std::string_view error;  // RFC 9209 type; "" on success
};

/// Formats access lines into memory that is used again and puts them into a bounded ring, which the
/// log's thread (see log.hpp) empties. Whatever LOG_LEVEL is, and nowhere before start_logging. A
/// full ring drops lines and counts them: writing never blocks, locks or allocates. Owned by one
/// worker; not shared.
class AccessLog {
public:
    /// Settings ACCESS_LOG, ACCESS_LOG_QUERY, LOG_FORMAT.
    AccessLog(bool enabled, bool with_query, bool json);
    AccessLog(AccessLog&&) noexcept;
    ~AccessLog();  // flushes

    [[nodiscard]] bool enabled() const { return enabled_; }
    /// A line after a pause is written out at once; those that follow it closely wait for flush (or
    /// until 64 KiB have come together).
    void write(AccessRecord const& record);
    /// Has the lines that wait written out. The worker's tick calls it; nothing happens where none
    /// waits.
    void flush();
    /// The line without its line feed; valid until the next call. `error` alone may be missing; an
    /// exchange without an endpoint has `upstream` empty and `upstream_ms` 0.
    std::string_view format(AccessRecord const& record, std::chrono::system_clock::time_point now);

private:
    struct State;

    bool enabled_;
    bool with_query_;
    bool json_;
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::telemetry
