#include "reverse_proxy/telemetry/access_log.hpp"

#include "reverse_proxy/http/target.hpp"
#include "telemetry/line_buffer.hpp"
#include "telemetry/line_writer.hpp"
#include "telemetry/log_queue.hpp"

namespace reverse_proxy::telemetry {

namespace {

// Lines wait for the worker's tick, so that a busy worker wakes the log's thread ten times a second
// and not for each line, which cost as much as a request. One that comes after a pause is written
// at once, and so is what has grown to this many bytes.
constexpr auto kPause = std::chrono::milliseconds{100};
constexpr std::size_t kWakeBytes = 64 * 1024;

}  // namespace

struct AccessLog::State {
    std::shared_ptr<LineRing> ring;  // null where the log is disabled
    LineBuffer line;
    Timestamp timestamp;
    WallClock::time_point last_wake;
};

AccessLog::AccessLog(bool enabled, bool with_query, bool json)
    : enabled_{enabled}, with_query_{with_query}, json_{json}, state_{std::make_unique<State>()} {
    if (enabled_) state_->ring = make_line_ring();
}

AccessLog::AccessLog(AccessLog&&) noexcept = default;

AccessLog::~AccessLog() {
    if (state_ == nullptr || state_->ring == nullptr) return;
    flush();
    state_->ring->close();
}

void AccessLog::write(AccessRecord const& record) {
    if (!enabled_ || !logging_started()) return;
    WallClock::time_point const now = WallClock::now();
    state_->ring->push(format(record, now));
    if (now - state_->last_wake < kPause && state_->ring->used() < kWakeBytes) return;
    state_->last_wake = now;
    flush();
}

void AccessLog::flush() {
    if (!enabled_) return;
    if (state_->ring->used() != 0 && state_->ring->wants_wake()) wake_log_thread();
}

std::string_view AccessLog::format(AccessRecord const& record,
                                   std::chrono::system_clock::time_point now) {
    std::string_view const target = record.target;
    LineWriter writer{state_->line, json_};
    writer.begin(state_->timestamp.text(now), LogLevel::info, "access");
    writer.text("request_id", record.request_id);
    writer.text("trace_id", record.trace_id);
    writer.text("client", record.client);
    writer.text("method", record.method);
    writer.text("path", with_query_ ? target : http::path_of(target));
    writer.text("protocol", record.minor_version == 0 ? "HTTP/1.0" : "HTTP/1.1");
    writer.number("status", record.status);
    writer.number("bytes_in", record.bytes_in);
    writer.number("bytes_out", record.bytes_out);
    writer.milliseconds("duration_ms", record.duration);
    writer.text("upstream", record.upstream);
    writer.milliseconds("upstream_ms", record.upstream_latency);
    writer.number("attempts", record.attempts);
    if (!record.error.empty()) writer.text("error", record.error);
    writer.end();
    return state_->line.view();
}

}  // namespace reverse_proxy::telemetry
