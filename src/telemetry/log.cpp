#include "reverse_proxy/telemetry/log.hpp"

#include "telemetry/line_writer.hpp"
#include "telemetry/log_queue.hpp"

#include <spdlog/async_logger.h>
#include <spdlog/details/null_mutex.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/sinks/base_sink.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <future>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace reverse_proxy::telemetry {
namespace {

// Bounds on what may wait while nobody reads standard output: some 2 MiB of the daemon's own lines,
// and for each worker about 2500 lines of the access log.
constexpr std::size_t kQueueLines = 8192;
constexpr std::size_t kRingBytes = std::size_t{1} << 20;

/// Grows for as long as standard output is read.
std::atomic<std::uint64_t> written{0};

/// To standard output, in pieces that a slow reader takes soon.
void put(std::string_view bytes) {
    constexpr std::size_t kPiece = std::size_t{16} * 1024;
    for (; !bytes.empty(); bytes.remove_prefix(std::min(kPiece, bytes.size()))) {
        std::size_t const size = std::min(kPiece, bytes.size());
        std::fwrite(bytes.data(), 1, size, stdout);
        written.fetch_add(size, std::memory_order_relaxed);
    }
}

/// The rings of all access logs. Makers of rings and the thread that empties them meet here, at the
/// mutex, which is never held while something is written.
class Rings {
public:
    std::shared_ptr<LineRing> make() {
        std::lock_guard const lock{mutex_};
        forget_finished();
        return rings_.emplace_back(std::make_shared<LineRing>(kRingBytes));
    }
    /// One caller at a time.
    void write_out() {
        for (auto const& ring : all())
            ring->take(put);
        std::lock_guard const lock{mutex_};
        forget_finished();
    }
    std::uint64_t dropped() {
        std::lock_guard const lock{mutex_};
        std::uint64_t total = dropped_by_forgotten_;
        for (auto const& ring : rings_)
            total += ring->dropped();
        return total;
    }

private:
    std::vector<std::shared_ptr<LineRing>> all() {
        std::lock_guard const lock{mutex_};
        return rings_;
    }
    void forget_finished() {
        std::erase_if(rings_, [this](auto const& ring) {
            if (!ring->finished()) return false;
            dropped_by_forgotten_ += ring->dropped();
            return true;
        });
    }

    std::mutex mutex_;
    std::vector<std::shared_ptr<LineRing>> rings_;
    std::uint64_t dropped_by_forgotten_{0};
};

Rings& rings();

/// Writes finished lines, and on an empty one what is in the rings; flushes whenever it has caught
/// up, so that a burst costs few system calls and a quiet log is never late. Called by the queue's
/// thread alone.
class StdoutSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
public:
    void follow(spdlog::details::thread_pool& pool) { pool_ = &pool; }

private:
    void sink_it_(spdlog::details::log_msg const& line) override {
        if (line.payload.size() != 0) {
            put({line.payload.data(), line.payload.size()});
            put("\n");
        }
        if (pool_->queue_size() != 0) return;
        // Not only on an empty line: that one may have been overrun.
        rings().write_out();
        flush_();
    }
    void flush_() override { std::fflush(stdout); }

    spdlog::details::thread_pool* pool_{nullptr};  // outlives its thread
};

struct Queue {
    Queue()
        : sink{std::make_shared<StdoutSink>()}, pool{std::make_shared<spdlog::details::thread_pool>(
                                                    kQueueLines, 1)},
          logger{std::make_shared<spdlog::async_logger>(
              "", sink, pool, spdlog::async_overflow_policy::overrun_oldest)} {
        sink->follow(*pool);
    }
    std::shared_ptr<StdoutSink> sink;
    std::shared_ptr<spdlog::details::thread_pool> pool;  // start_logging's and stop_logging's alone
    std::shared_ptr<spdlog::async_logger> logger;        // keeps the pool weakly
};

struct Lifecycle {
    Rings rings;  // before the queues: their threads use it to the end
    std::mutex mutex;
    // The queue of each start_logging, kept until the process ends: a thread that is logging while
    // stop_logging runs still finds its (then unusable) logger.
    std::vector<std::unique_ptr<Queue>> queues;
    std::uint64_t dropped_by_stopped_queues{0};
};

Lifecycle& lifecycle() {
    static Lifecycle instance;
    return instance;
}

Rings& rings() {
    return lifecycle().rings;
}

std::atomic<Queue*> current_queue{nullptr};
std::atomic<LogLevel> least_level{LogLevel::warn};
std::atomic<bool> json_lines{false};

/// Puts a finished line on the queue.
void submit(Queue const& queue, std::string_view line) {
    try {
        // The time is in the line already; giving one saves spdlog its clock read.
        queue.logger->log(spdlog::log_clock::time_point{}, spdlog::source_loc{},
                          spdlog::level::info, spdlog::string_view_t{line.data(), line.size()});
    } catch (spdlog::spdlog_ex const&) {
        // Stopped since the load above; the line came too late.
    }
}

}  // namespace

bool logging_started() {
    return current_queue.load(std::memory_order_acquire) != nullptr;
}

std::shared_ptr<LineRing> make_line_ring() {
    return rings().make();
}

void wake_log_thread() {
    if (Queue const* const queue = current_queue.load(std::memory_order_acquire))
        submit(*queue, {});
}

void start_logging(LogLevel level, bool json) {
    auto& [access_lines, mutex, queues, dropped] = lifecycle();
    std::lock_guard const lock{mutex};
    queues.push_back(std::make_unique<Queue>());
    json_lines.store(json, std::memory_order_relaxed);
    least_level.store(level, std::memory_order_relaxed);
    current_queue.store(queues.back().get(), std::memory_order_release);
}

bool stop_logging(std::chrono::milliseconds patience) {
    auto& [access_lines, mutex, queues, dropped] = lifecycle();
    std::lock_guard const lock{mutex};
    Queue* const queue = current_queue.exchange(nullptr, std::memory_order_acq_rel);
    if (queue == nullptr) return true;
    least_level.store(LogLevel::warn, std::memory_order_relaxed);
    json_lines.store(false, std::memory_order_relaxed);
    dropped += queue->pool->overrun_counter();
    auto const finish = [queue, &rings = access_lines] {
        queue->pool.reset();  // writes what is queued and joins the thread
        rings.write_out();
        std::fflush(stdout);
    };
    auto finished = std::make_shared<std::promise<void>>();
    auto const done = finished->get_future();
    try {
        std::thread{[finish, finished] {
            finish();
            finished->set_value();
        }}.detach();
    } catch (std::system_error const&) {
        finish();
        return true;
    }
    std::uint64_t before = 0;
    do {
        before = written.load(std::memory_order_relaxed);
        if (done.wait_for(patience) == std::future_status::ready) return true;
    } while (written.load(std::memory_order_relaxed) != before);
    return false;
}

std::uint64_t log_lines_dropped() {
    auto& [access_lines, mutex, queues, dropped] = lifecycle();
    std::lock_guard const lock{mutex};
    Queue* const queue = current_queue.load(std::memory_order_acquire);
    return dropped + access_lines.dropped() +
           (queue != nullptr ? queue->pool->overrun_counter() : 0);
}

bool log_enabled(LogLevel level) {
    return level >= least_level.load(std::memory_order_relaxed);
}

void log(LogLevel level, std::string_view message, std::initializer_list<LogField> fields) {
    if (!log_enabled(level)) return;
    LineBuffer line;
    thread_local Timestamp timestamp;
    LineWriter writer{line, json_lines.load(std::memory_order_relaxed)};
    writer.begin(timestamp.text(WallClock::now()), level, message);
    for (auto const& [key, value] : fields)
        writer.text(key, value);
    writer.end();
    if (Queue const* const queue = current_queue.load(std::memory_order_acquire)) {
        submit(*queue, line.view());
    } else if (level >= LogLevel::warn) {
        line += '\n';
        std::fwrite(line.view().data(), 1, line.view().size(), stderr);
    }
}

LogLevel log_level(std::string_view name) {
    for (auto const level : {LogLevel::trace, LogLevel::debug, LogLevel::info, LogLevel::warn})
        if (name_of(level) == name) return level;
    return LogLevel::error;
}

}  // namespace reverse_proxy::telemetry
