#include "reverse_proxy/balancing/circuit_breaker.hpp"

#include <algorithm>

namespace reverse_proxy::balancing {

namespace {

// Milliseconds since the clock's epoch (boot) fit into 40 bits for 34 years; a generation returns
// after 4 million periods, long after any ticket of it is gone.
constexpr unsigned kValueBits = 40;
constexpr unsigned kGenerationBits = 22;
constexpr std::uint64_t kValueMask = (std::uint64_t{1} << kValueBits) - 1;
constexpr std::uint64_t kGenerationMask = (std::uint64_t{1} << kGenerationBits) - 1;

// value of a half-open word whose probe nobody holds: due at any time.
constexpr std::uint64_t kPlaceFree = 0;

std::uint64_t whole_milliseconds(core::TimePoint time) {
    auto const count =
        std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
    return count <= 0 ? 0 : std::min(static_cast<std::uint64_t>(count), kValueMask);
}

std::uint64_t milliseconds_after(core::TimePoint now, core::Duration wait) {
    core::Duration const room = core::TimePoint::max() - std::max(now, core::TimePoint{});
    core::TimePoint const end = wait > room ? core::TimePoint::max() : now + wait;
    return std::max<std::uint64_t>(whole_milliseconds(end), 1);  // 0 is kPlaceFree
}

core::TimePoint time_of(std::uint64_t milliseconds) {
    return core::TimePoint{
        std::chrono::milliseconds{static_cast<std::chrono::milliseconds::rep>(milliseconds)}};
}

}  // namespace

/// The packed word, taken apart. `value` means: closed: failed attempts in a row; open: when it
/// half-opens, in ms; half_open: when the probe's lease ends, in ms, or kPlaceFree.
struct CircuitBreaker::Word {
    BreakerState state;
    std::uint32_t generation;
    std::uint64_t value;

    static Word unpack(std::uint64_t bits) {
        return {static_cast<BreakerState>(bits >> (kValueBits + kGenerationBits)),
                static_cast<std::uint32_t>((bits >> kValueBits) & kGenerationMask),
                bits & kValueMask};
    }
    [[nodiscard]] std::uint64_t pack() const {
        return (static_cast<std::uint64_t>(state) << (kValueBits + kGenerationBits)) |
               ((generation & kGenerationMask) << kValueBits) | (value & kValueMask);
    }
    /// The first word of a new period: tickets of this one become void.
    [[nodiscard]] Word next(BreakerState next_state, std::uint64_t next_value) const {
        return {next_state, static_cast<std::uint32_t>((generation + 1) & kGenerationMask),
                next_value};
    }
    [[nodiscard]] bool due(core::TimePoint now) const { return whole_milliseconds(now) >= value; }
};

CircuitBreaker::CircuitBreaker(Config const& config) : config_{config} {}

bool CircuitBreaker::allows(core::TimePoint now) const {
    if (!config_.enabled) return true;
    Word const word = read();
    return word.state == BreakerState::closed || word.due(now);
}

bool CircuitBreaker::try_acquire(core::TimePoint now, Ticket& ticket, Transition& transition) {
    ticket = {};
    transition = {};
    if (!config_.enabled) return true;
    Word word = read();
    for (;;) {
        if (word.state == BreakerState::closed) {
            ticket.generation = word.generation;
            return true;
        }
        if (!word.due(now)) return false;
        // A generation of its own for each probe: the report of one whose lease had ended is void.
        Word const probing =
            word.next(BreakerState::half_open, milliseconds_after(now, config_.probe_lease));
        BreakerState const from = word.state;
        if (!move(word, probing)) continue;
        ticket = {probing.generation, true};
        if (from == BreakerState::open)
            transition = passed(from, BreakerState::half_open);
        else
            eligibility_changed();
        return true;
    }
}

CircuitBreaker::Transition CircuitBreaker::succeeded(Ticket ticket) {
    if (!config_.enabled) return {};
    Word word = read();
    while (word.generation == ticket.generation) {
        if (word.state == BreakerState::closed) {
            // The usual case ends here, with a load alone: no line is written that others read.
            if (word.value == 0) return {};
            if (move(word, {BreakerState::closed, word.generation, 0})) return {};
        } else if (move(word, word.next(BreakerState::closed, 0))) {
            return passed(BreakerState::half_open, BreakerState::closed);
        }
    }
    return {};
}

CircuitBreaker::Transition CircuitBreaker::failed(Ticket ticket, core::TimePoint now) {
    if (!config_.enabled) return {};
    Word word = read();
    while (word.generation == ticket.generation) {
        BreakerState const from = word.state;
        std::uint64_t const failures = word.value + 1;
        if (from == BreakerState::closed && failures < config_.failure_threshold) {
            if (move(word, {BreakerState::closed, word.generation, failures})) return {};
            continue;
        }
        if (move(word,
                 word.next(BreakerState::open, milliseconds_after(now, config_.open_duration))))
            return passed(from, BreakerState::open);
    }
    return {};
}

void CircuitBreaker::abandon(Ticket ticket) {
    if (!config_.enabled || !ticket.probe) return;
    Word word = read();
    while (word.generation == ticket.generation) {
        if (!move(word, word.next(BreakerState::half_open, kPlaceFree))) continue;
        eligibility_changed();
        return;
    }
}

BreakerState CircuitBreaker::state(core::TimePoint now) const {
    Word const word = read();
    return word.state == BreakerState::open && word.due(now) ? BreakerState::half_open : word.state;
}

core::TimePoint CircuitBreaker::half_opens_at() const {
    Word const word = read();
    if (word.state == BreakerState::closed) return core::kNever;
    return word.state == BreakerState::open ? time_of(word.value) : core::TimePoint{};
}

core::TimePoint CircuitBreaker::allows_again_at() const {
    Word const word = read();
    return word.state == BreakerState::closed ? core::kNever : time_of(word.value);
}

std::uint64_t CircuitBreaker::transitions_to(BreakerState state) const {
    return transitions_[static_cast<unsigned>(state)].load(std::memory_order_relaxed);
}

CircuitBreaker::Word CircuitBreaker::read() const {
    return Word::unpack(word_.load(std::memory_order_acquire));
}

/// False: another worker was faster; `from` is what the word is now.
bool CircuitBreaker::move(Word& from, Word const& to) {
    std::uint64_t seen = from.pack();
    if (word_.compare_exchange_weak(seen, to.pack(), std::memory_order_acq_rel,
                                    std::memory_order_acquire))
        return true;
    from = Word::unpack(seen);
    return false;
}

CircuitBreaker::Transition CircuitBreaker::passed(BreakerState from, BreakerState to) {
    transitions_[static_cast<unsigned>(to)].fetch_add(1, std::memory_order_relaxed);
    eligibility_changed();
    return {true, from, to};
}

void CircuitBreaker::eligibility_changed() {
    // Release: who reads the new version reads the new word as well.
    if (config_.eligibility_version != nullptr)
        config_.eligibility_version->fetch_add(1, std::memory_order_release);
}

}  // namespace reverse_proxy::balancing
