#pragma once

#include "reverse_proxy/balancing/endpoint.hpp"
#include "reverse_proxy/core/clock.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace reverse_proxy::balancing {

/// What the workers' round-robins share.
struct Rotation {
    static constexpr std::size_t kNobody = ~std::size_t{0};
    /// Who had the last turn, as an index into the endpoint list: the next one goes to whoever
    /// follows among the eligible, whichever worker gives it, so that turns are even over all
    /// workers.
    alignas(64) std::atomic<std::size_t> last{kNobody};
    /// The same for retries, apart so that a failing endpoint does not shift the turns of the rest.
    std::atomic<std::size_t> last_retry{kNobody};
    /// Raised by whoever changes an endpoint's health or breaker state (breakers do it themselves):
    /// tells workers to list the eligible anew.
    alignas(64) std::atomic<std::uint64_t> eligibility_version{0};
    /// True while requests go to unhealthy endpoints because none is healthy (FAIL_OPEN). Written
    /// by the health prober, which logs the change.
    std::atomic<bool> failing_open{false};
    /// When an unhealthy endpoint is probed next (past: its probe is under way); kNever where none
    /// is unhealthy. Written by the health prober.
    std::atomic<core::TimePoint> next_probe_at{core::kNever};
};

/// Round-robin over the eligible endpoints of one worker's current list.
///
/// A pick costs O(1): the eligible ones are listed anew only when something changed. Owned by one
/// worker.
class RoundRobin {
public:
    struct Pick {
        std::size_t index;  // into the list given to set_endpoints
        CircuitBreaker::Ticket ticket;
        CircuitBreaker::Transition transition;  // open -> half_open, to be logged
    };

    RoundRobin(Rotation& rotation, bool fail_open);
    void set_endpoints(EndpointList const& endpoints);

    /// The next eligible endpoint, its breaker's ticket taken; one not in `tried` (indices) where
    /// there is one, else one that was tried. Nothing: none is eligible. An empty `tried` means a
    /// first attempt; retries take turns among themselves.
    [[nodiscard]] std::optional<Pick> pick(core::TimePoint now,
                                           std::vector<std::size_t> const& tried);
    /// When the next breaker half-opens: long ago where one is half-open already and its probe
    /// under way, kNever where none is open. As of the last pick.
    [[nodiscard]] core::TimePoint next_half_open() const { return next_half_open_; }
    [[nodiscard]] bool any_eligible(core::TimePoint now);

private:
    void refresh_if_changed(core::TimePoint now);
    void list_eligible(core::TimePoint now);
    void link_followers();
    [[nodiscard]] std::size_t follower(std::size_t last) const;
    std::optional<Pick> take_turn(core::TimePoint now, std::vector<std::size_t> const& tried,
                                  bool want_tried);

    Rotation& rotation_;
    bool fail_open_;
    EndpointList endpoints_;
    std::vector<std::size_t> eligible_;
    std::vector<std::size_t> followers_;  // for each endpoint the eligible one after it, cyclically
    std::uint64_t seen_version_{~std::uint64_t{0}};
    core::TimePoint refresh_at_{core::TimePoint::min()};
    core::TimePoint next_half_open_{core::kNever};
};

}  // namespace reverse_proxy::balancing
