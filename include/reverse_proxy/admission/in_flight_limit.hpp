#pragma once

#include <atomic>
#include <cstddef>
#include <optional>
#include <utility>

namespace reverse_proxy::admission {

/// The room that decides whether a request (MAX_IN_FLIGHT) or a connection (MAX_CONNECTIONS) may
/// come in: the first stage of the trip, since a refusal must be cheap.
///
/// Hands out at most `limit` permits at a time, exact over all workers. Thread-safe, lock-free; a
/// refusal costs one load. Outlives its permits.
class CountingLimit {
public:
    /// One place under the limit, given back exactly once: when destroyed or released.
    class Permit {
    public:
        Permit(Permit&& other) noexcept : limit_{std::exchange(other.limit_, nullptr)} {}
        Permit& operator=(Permit&& other) noexcept;
        Permit(Permit const&) = delete;
        Permit& operator=(Permit const&) = delete;
        ~Permit() { release(); }
        /// Gives the place back before the end of life; a second call does nothing.
        void release() noexcept;

    private:
        friend class CountingLimit;
        explicit Permit(CountingLimit& limit) : limit_{&limit} {}
        CountingLimit* limit_;
    };

    explicit CountingLimit(std::size_t limit) : limit_{limit} {}
    CountingLimit(CountingLimit const&) = delete;
    CountingLimit& operator=(CountingLimit const&) = delete;

    /// Nothing: the limit is reached. Never waits.
    [[nodiscard]] std::optional<Permit> try_acquire();
    [[nodiscard]] std::size_t in_use() const { return in_use_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t limit() const { return limit_; }

private:
    std::size_t limit_;
    alignas(64) std::atomic<std::size_t> in_use_{0};
};

/// Requests in work, from the head to the last byte of the response (MAX_IN_FLIGHT).
using InFlightLimit = CountingLimit;
using Permit = CountingLimit::Permit;

}  // namespace reverse_proxy::admission
