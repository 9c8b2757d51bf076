#include "reverse_proxy/balancing/round_robin.hpp"

#include <algorithm>

namespace reverse_proxy::balancing {

namespace {

bool contains(std::vector<std::size_t> const& indices, std::size_t index) {
    return std::find(indices.begin(), indices.end(), index) != indices.end();
}

}  // namespace

RoundRobin::RoundRobin(Rotation& rotation, bool fail_open)
    : rotation_{rotation}, fail_open_{fail_open} {}

void RoundRobin::set_endpoints(EndpointList const& endpoints) {
    endpoints_ = endpoints;
    refresh_at_ = core::TimePoint::min();
}

std::optional<RoundRobin::Pick> RoundRobin::pick(core::TimePoint now,
                                                 std::vector<std::size_t> const& tried) {
    refresh_if_changed(now);
    if (eligible_.empty()) return std::nullopt;
    if (auto picked = take_turn(now, tried, false)) return picked;
    if (tried.empty()) return std::nullopt;
    return take_turn(now, tried, true);
}

bool RoundRobin::any_eligible(core::TimePoint now) {
    refresh_if_changed(now);
    return !eligible_.empty();
}

void RoundRobin::refresh_if_changed(core::TimePoint now) {
    // Read before the states are: a change in between shows as a new version at the next pick.
    std::uint64_t const version = rotation_.eligibility_version.load(std::memory_order_acquire);
    if (version == seen_version_ && now < refresh_at_) return;
    seen_version_ = version;
    list_eligible(now);
    link_followers();
}

void RoundRobin::list_eligible(core::TimePoint now) {
    bool const any_healthy = std::any_of(endpoints_.begin(), endpoints_.end(), [](auto const& e) {
        return e->healthy.load(std::memory_order_relaxed);
    });
    bool const all_count = fail_open_ && !any_healthy;
    eligible_.clear();
    refresh_at_ = core::kNever;
    next_half_open_ = core::kNever;
    for (std::size_t i = 0; i < endpoints_.size(); ++i) {
        Endpoint const& endpoint = *endpoints_[i];
        if (!all_count && !endpoint.healthy.load(std::memory_order_relaxed)) continue;
        next_half_open_ = std::min(next_half_open_, endpoint.breaker.half_opens_at());
        if (endpoint.breaker.allows(now))
            eligible_.push_back(i);
        else
            refresh_at_ = std::min(refresh_at_, endpoint.breaker.allows_again_at());
    }
}

void RoundRobin::link_followers() {
    followers_.resize(endpoints_.size());
    if (eligible_.empty()) return;
    std::size_t follower = eligible_.front();
    auto next = eligible_.rbegin();
    for (std::size_t i = endpoints_.size(); i-- > 0;) {
        followers_[i] = follower;
        if (next != eligible_.rend() && *next == i) {
            follower = i;
            ++next;
        }
    }
}

std::size_t RoundRobin::follower(std::size_t last) const {
    // Nobody yet, or an index of a longer list.
    return last < followers_.size() ? followers_[last] : eligible_.front();
}

/// Walks from the endpoint whose turn it is. Those passed over lose their turn, so that it does not
/// fall to their neighbour each time.
///
/// Turns are given along the full list, not by a counter modulo the number of eligible ones: then a
/// change of that number, noticed by one worker sooner than by the next, repeats and skips nobody.
std::optional<RoundRobin::Pick>
RoundRobin::take_turn(core::TimePoint now, std::vector<std::size_t> const& tried, bool want_tried) {
    auto& turn = tried.empty() ? rotation_.last : rotation_.last_retry;
    std::size_t last = turn.load(std::memory_order_relaxed);
    std::size_t index = follower(last);
    std::size_t passed = 0;
    while (passed < eligible_.size()) {
        if (contains(tried, index) == want_tried) {
            // A lone eligible endpoint has every turn; nothing to write then.
            bool const mine =
                index == last || turn.compare_exchange_weak(last, index, std::memory_order_relaxed);
            if (!mine) {  // another worker was faster: on from where it stands
                index = follower(last);
                passed = 0;
                continue;
            }
            Pick pick{index, {}, {}};
            if (endpoints_[index]->breaker.try_acquire(now, pick.ticket, pick.transition))
                return pick;
            last = index;  // its probe was taken since it was listed
        }
        index = follower(index);
        ++passed;
    }
    return std::nullopt;
}

}  // namespace reverse_proxy::balancing
