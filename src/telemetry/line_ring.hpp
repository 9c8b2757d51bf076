#pragma once

#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

namespace reverse_proxy::telemetry {

/// Finished lines on their way from one worker to the log's thread: a ring of bytes with one writer
/// and one reader, no lock and no allocation.
class LineRing {
public:
    /// @param bytes  a power of two
    explicit LineRing(std::size_t bytes)
        : size_{bytes}, data_{std::make_unique_for_overwrite<char[]>(bytes)} {}

    /// Writer: adds the line and a line feed. A line that does not fit is dropped whole and
    /// counted.
    void push(std::string_view line);
    /// Writer: bytes that the reader has not taken yet.
    [[nodiscard]] std::size_t used() const {
        return written_.load(std::memory_order_relaxed) - taken_.load(std::memory_order_acquire);
    }
    /// Writer: true where the reader has not been woken since it last began to take.
    bool wants_wake() { return !woken_.exchange(true, std::memory_order_acq_rel); }

    /// Reader: hands all that is there to `write(bytes)`, in one piece or two, then frees it.
    template <typename Write> void take(Write write) {
        // An exchange, to see all that was written before the wake that is answered here.
        woken_.exchange(false, std::memory_order_acq_rel);
        std::size_t const begin = taken_.load(std::memory_order_relaxed);
        std::size_t const end = written_.load(std::memory_order_acquire);
        if (begin == end) return;
        std::size_t const at = begin & (size_ - 1);
        std::size_t const first = std::min(end - begin, size_ - at);
        write(std::string_view{data_.get() + at, first});
        if (first != end - begin) write(std::string_view{data_.get(), end - begin - first});
        taken_.store(end, std::memory_order_release);
    }

    /// Writer: no line comes after this.
    void close() { closed_.store(true, std::memory_order_release); }
    /// Any thread: closed, and the reader has taken all.
    [[nodiscard]] bool finished() const {
        return closed_.load(std::memory_order_acquire) && used() == 0;
    }
    /// Any thread.
    [[nodiscard]] std::uint64_t dropped() const { return dropped_.read(); }

private:
    std::size_t const size_;
    std::unique_ptr<char[]> const data_;
    Cell dropped_;
    // Bytes ever written and taken; each on a cache line of its own.
    alignas(64) std::atomic<std::size_t> written_{0};
    alignas(64) std::atomic<std::size_t> taken_{0};
    std::atomic<bool> woken_{false};
    std::atomic<bool> closed_{false};
};

}  // namespace reverse_proxy::telemetry
