#pragma once

#include "reverse_proxy/http/method.hpp"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace reverse_proxy::telemetry {

/// The values of `method`, `path` and `status` of one series of requests_total. Never changes once
/// made.
struct LabelSet {
    http::Method method;
    unsigned status;
    std::string path;  // normalised, or kOtherPath
};

inline constexpr std::string_view kOtherPath = "other";

/// The bound on the series of requests_total, held by all workers together: who first sees a label
/// set gets an id for it here, and every worker keeps its own cells under that id.
///
/// Workers come here only when they meet a label set for the first time and keep the id, so the
/// mutex is no part of a request in steady state. Sets are never removed. Thread-safe.
class LabelSets {
public:
    using Id = std::uint32_t;
    static constexpr Id kNone = ~Id{0};

    /// The contract's bound: distinct label sets with a path of their own.
    static constexpr unsigned kPathSets = 512;
    /// Sets under path="other": method and status are still told apart, up to this many ...
    static constexpr unsigned kOtherSets = 128;
    /// ... and after that only the status class is (100, 200, 300, 400, 500 under method OTHER).
    static constexpr unsigned kClassSets = 5;
    static constexpr unsigned kCapacity = kPathSets + kOtherSets + kClassSets;

    LabelSets() = default;
    ~LabelSets();
    LabelSets(LabelSets const&) = delete;
    LabelSets& operator=(LabelSets const&) = delete;

    /// Finds or makes the set with this path; kNone where it is unknown and kPathSets are taken.
    Id find_or_add(http::Method method, std::string_view path, unsigned status);
    /// The set that stands for all paths without one of their own. Always one.
    Id find_or_add_other(http::Method method, unsigned status);
    /// Once true it stays so: no further path can get a set.
    [[nodiscard]] bool paths_full() const { return paths_full_.load(std::memory_order_acquire); }
    /// Null where no set has this id yet. Valid as long as this object.
    [[nodiscard]] LabelSet const* at(Id id) const {
        return sets_[id].load(std::memory_order_acquire);
    }

private:
    Id find_or_add_within(Id begin, Id end, LabelSet wanted);

    std::mutex mutex_;  // guards making a set
    std::array<std::atomic<LabelSet const*>, kCapacity> sets_{};
    std::atomic<bool> paths_full_{false};
};

}  // namespace reverse_proxy::telemetry
