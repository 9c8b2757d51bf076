#pragma once

#include "reverse_proxy/core/clock.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace reverse_proxy::balancing {

enum class BreakerState : std::uint8_t { closed = 0, half_open = 1, open = 2 };

/// `closed`, `half_open` or `open`.
constexpr std::string_view name_of(BreakerState state) {
    switch (state) {
    case BreakerState::closed:
        return "closed";
    case BreakerState::half_open:
        return "half_open";
    case BreakerState::open:
        break;
    }
    return "open";
}

/// Circuit breaker of one endpoint, shared by all workers: one packed atomic word moved by
/// compare-and-swap.
///
/// closed -> open after `failure_threshold` failed attempts in a row -> half_open after
/// `open_duration`, where exactly one attempt over all workers probes -> closed on its success,
/// open on its failure. A probe that is never reported (its exchange was aborted) gives its place
/// back through `abandon`; one that is not heard of at all loses it after `probe_lease`. A report
/// that belongs to an earlier period of the breaker (its ticket's generation is old) changes
/// nothing. Thread-safe, lock-free; while closed and without failures it is only read.
class CircuitBreaker {
public:
    struct Config {
        bool enabled{true};
        std::uint32_t failure_threshold{5};
        core::Duration open_duration{std::chrono::seconds{10}};
        /// Past it a probe counts as lost and another may go. Longer than an exchange may take, or
        /// two would probe at once.
        core::Duration probe_lease{std::chrono::seconds{31}};
        /// Raised by the breaker itself each time that what it allows has changed
        /// (Rotation::eligibility_version); outlives the breaker. Null: nobody listens.
        std::atomic<std::uint64_t>* eligibility_version{nullptr};
    };
    /// Right to one attempt; to be handed back by exactly one of succeeded, failed, abandon.
    struct Ticket {
        std::uint32_t generation{0};
        bool probe{false};
    };
    struct Transition {
        bool happened{false};
        BreakerState from{BreakerState::closed};
        BreakerState to{BreakerState::closed};
    };

    explicit CircuitBreaker(Config const& config);

    /// Whether an attempt at `now` would be let through (closed, or due for its probe). Takes
    /// nothing.
    [[nodiscard]] bool allows(core::TimePoint now) const;
    /// Takes the right to one attempt; false: refused. `transition` tells of open -> half_open.
    [[nodiscard]] bool try_acquire(core::TimePoint now, Ticket& ticket, Transition& transition);
    Transition succeeded(Ticket ticket);
    Transition failed(Ticket ticket, core::TimePoint now);
    void abandon(Ticket ticket);

    /// half_open from the moment an open breaker is due for its probe.
    [[nodiscard]] BreakerState state(core::TimePoint now) const;
    /// When an open breaker lets its probe through (that may be past), long ago where it is
    /// half-open already, kNever where it is closed.
    [[nodiscard]] core::TimePoint half_opens_at() const;
    /// When time alone makes `allows` true: the end of `open`, or of a probe's lease; kNever where
    /// closed.
    [[nodiscard]] core::TimePoint allows_again_at() const;
    /// The number of transitions into `state` so far.
    [[nodiscard]] std::uint64_t transitions_to(BreakerState state) const;

private:
    struct Word;
    [[nodiscard]] Word read() const;
    bool move(Word& from, Word const& to);
    Transition passed(BreakerState from, BreakerState to);
    void eligibility_changed();

    Config config_;
    std::atomic<std::uint64_t> word_{0};
    std::atomic<std::uint64_t> transitions_[3]{};
};

}  // namespace reverse_proxy::balancing
