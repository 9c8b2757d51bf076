#pragma once

#include "reverse_proxy/balancing/endpoint_health.hpp"
#include "reverse_proxy/balancing/round_robin.hpp"
#include "reverse_proxy/config/settings.hpp"
#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/core/random.hpp"
#include "reverse_proxy/upstream/retry_budget.hpp"
#include "reverse_proxy/upstream/retry_policy.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <queue>
#include <string>
#include <vector>

namespace reverse_proxy::upstream {

/// Settings, load and faults of one simulated run, all drawn from a seed.
struct SimulationPlan {
    explicit SimulationPlan(core::Random& random);

    enum class Mode : std::uint8_t { well, refuse, reset, stall, unavailable, away_for_long };
    struct Fault {
        std::size_t endpoint;
        core::TimePoint from;
        core::TimePoint until;
        Mode mode;
    };

    std::size_t endpoints;
    unsigned workers;
    balancing::CircuitBreaker::Config breaker;
    config::RetrySettings retry;
    core::Duration request_timeout;
    core::Duration attempt_timeout;
    bool probing;
    bool fail_open;
    core::Duration probe_interval;
    core::Duration probe_timeout;
    unsigned healthy_threshold;
    unsigned unhealthy_threshold;
    core::Duration gap;  // mean time between two requests
    std::vector<Fault> faults;
    core::TimePoint faults_from;
    core::TimePoint faults_until;
    /// From here on everything is as if nothing had ever failed.
    core::TimePoint recovered_at;
    core::TimePoint end;
};

/// Balancer, breakers, health thresholds, retry policy, budget and backoff of several workers in
/// virtual time: origins fail as planned, requests come, and each step is checked against what the
/// contract promises (section 4). Single-threaded; the same seed does the same.
class Simulation {
public:
    explicit Simulation(std::uint64_t seed);
    void run();
    /// What was broken, with the virtual time; empty: nothing.
    [[nodiscard]] std::vector<std::string> const& violations() const { return violations_; }

    /// So that a test can tell that the runs reached what they are meant to check.
    struct Tally {
        std::uint64_t requests{0};
        std::uint64_t retries{0};
        std::uint64_t stale{0};
        std::uint64_t sent_elsewhere{0};  // an open breaker had overtaken their connect
        std::uint64_t refused{0};
        std::uint64_t answers_kept{0};  // nobody was left to ask once the backoff was over
        std::uint64_t ended{0};
        std::uint64_t budget_exhausted{0};
        std::uint64_t breaker_openings{0};
        std::uint64_t health_changes{0};
    };
    [[nodiscard]] Tally const& tally() const { return tally_; }

private:
    using Mode = SimulationPlan::Mode;
    struct Exchange;
    struct Outcome;
    struct Event {
        core::TimePoint at;
        std::uint64_t order;  // events of one moment happen as they were planned
        std::function<void()> happen;
        bool operator<(Event const& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };

    void at(core::TimePoint when, std::function<void()> happen);
    void expect(bool holds, char const* what);
    [[nodiscard]] core::Duration between(core::Duration least, core::Duration most);
    [[nodiscard]] bool one_in(std::uint64_t count) { return random_.below(count) == 0; }

    [[nodiscard]] Mode mode_of(std::size_t endpoint) const;
    [[nodiscard]] std::vector<bool> eligible_now() const;
    [[nodiscard]] std::size_t follower(std::vector<bool> const& eligible) const;

    void probe(std::size_t endpoint);
    void probed(std::size_t endpoint, bool success);
    void request();
    void choose(std::shared_ptr<Exchange> const& exchange);
    void attempt(std::shared_ptr<Exchange> const& exchange);
    [[nodiscard]] Outcome draw_outcome(Exchange const& exchange);
    void attempt_ended(std::shared_ptr<Exchange> const& exchange, Outcome const& outcome);
    /// False: no retry; the attempt's outcome is the client's.
    [[nodiscard]] bool retry(std::shared_ptr<Exchange> const& exchange, RetryVerdict verdict,
                             core::Duration wait);
    void nobody_is_eligible(Exchange& exchange, std::vector<bool> const& eligible);
    void exchange_ended(Exchange& exchange, unsigned status);
    void check_pick(Exchange const& exchange, balancing::RoundRobin::Pick const& pick,
                    std::vector<bool> const& eligible);
    void check_budget();
    void check_recovered();
    void check_even();

    core::Random random_;
    SimulationPlan plan_;
    core::TimePoint now_;
    std::priority_queue<Event> events_;
    std::uint64_t planned_{0};

    balancing::Rotation rotation_;
    balancing::EndpointList endpoints_;
    std::vector<balancing::EndpointHealth> health_;
    std::vector<balancing::RoundRobin> robins_;
    std::optional<RetryBudget> budget_;

    std::vector<core::TimePoint> probe_held_until_;  // of each breaker
    std::vector<std::uint64_t> probes_succeeded_;
    std::vector<std::uint64_t> first_attempts_;  // since the last check_even
    std::size_t last_turn_;
    Tally tally_;
    std::vector<std::string> violations_;
};

}  // namespace reverse_proxy::upstream
