#include "reverse_proxy/telemetry/metrics_shard.hpp"

#include "telemetry/path_label.hpp"
#include "telemetry/shard_state.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace reverse_proxy::telemetry {
namespace {

/// A duration as a cell counts it; a negative one would wrap the sum.
std::uint64_t nanoseconds(std::chrono::nanoseconds duration) {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(duration.count(), 0));
}

/// Eight bytes a step. Collisions that a client makes on purpose cost it nothing and us at most
/// kPathSets compares of 32-bit numbers, as no more sets than that exist.
std::uint32_t hash_of(http::Method method, std::string_view path, unsigned status) {
    constexpr std::uint64_t kMix = 0x9e3779b97f4a7c15;
    std::uint64_t hash = (std::uint64_t{status} << 8) + static_cast<unsigned>(method);
    auto const mix = [&](std::uint64_t word) {
        hash = (hash ^ word) * kMix;
        hash ^= hash >> 32;
    };
    char const* at = path.data();
    std::size_t left = path.size();
    std::uint64_t word = 0;
    for (; left >= sizeof word; at += sizeof word, left -= sizeof word) {
        std::memcpy(&word, at, sizeof word);
        mix(word);
    }
    word = path.size();
    for (; left != 0; --left)
        word = (word << 8) | static_cast<unsigned char>(*at++);
    mix(word);
    return static_cast<std::uint32_t>(hash);
}

}  // namespace

static_assert(decltype(kUpstreamBounds)::kBuckets ==
              sizeof(EndpointCells::latency_buckets) / sizeof(*EndpointCells::latency_buckets));

void EndpointCells::observe_latency(std::chrono::nanoseconds latency) {
    std::uint64_t const value = nanoseconds(latency);
    latency_buckets[kUpstreamBounds.index(value)].add(1);
    latency_sum_ns.add(value);
}

MetricsShard::State::State(std::shared_ptr<LabelSets> sets) : label_sets{std::move(sets)} {}

MetricsShard::State::~State() {
    for (auto& cells_of_set : series)
        delete cells_of_set.load(std::memory_order_relaxed);
}

Series& MetricsShard::State::series_of(http::Method method, std::string_view path,
                                       unsigned status) {
    if (path.empty()) return cells(other(method, status));
    std::uint32_t const hash = hash_of(method, path, status);
    LabelSets::Id id = find(hash, method, path, status);
    if (id == LabelSets::kNone) id = first_meeting(hash, method, path, status);
    return cells(id);
}

LabelSets::Id MetricsShard::State::find(std::uint32_t hash, http::Method method,
                                        std::string_view path, unsigned status) const {
    for (std::size_t at = hash % kPlaces; places_[at].id_plus_1 != 0; at = (at + 1) % kPlaces) {
        if (places_[at].hash != hash) continue;
        LabelSets::Id const id = places_[at].id_plus_1 - 1U;
        LabelSet const& set = *label_sets->at(id);
        if (set.path == path && set.method == method && set.status == status) return id;
    }
    return LabelSets::kNone;
}

void MetricsShard::State::remember(std::uint32_t hash, LabelSets::Id id) {
    std::size_t at = hash % kPlaces;
    while (places_[at].id_plus_1 != 0)
        at = (at + 1) % kPlaces;
    places_[at] = {hash, static_cast<std::uint16_t>(id + 1)};
}

LabelSets::Id MetricsShard::State::first_meeting(std::uint32_t hash, http::Method method,
                                                 std::string_view path, unsigned status) {
    if (knows_all_paths_) return overflow(method, status);
    if (!label_sets->paths_full()) {
        LabelSets::Id const id = label_sets->find_or_add(method, path, status);
        if (id != LabelSets::kNone) {
            remember(hash, id);
            return id;
        }
    }
    // No set can be added any more, so all that exist are learnt now. From here on a path that is
    // not found is one of the overflow, and asking again (under the mutex) is never needed.
    for (LabelSets::Id id = 0; id < LabelSets::kPathSets; ++id) {
        LabelSet const& set = *label_sets->at(id);
        std::uint32_t const set_hash = hash_of(set.method, set.path, set.status);
        if (find(set_hash, set.method, set.path, set.status) == LabelSets::kNone)
            remember(set_hash, id);
    }
    knows_all_paths_ = true;
    LabelSets::Id const id = find(hash, method, path, status);
    return id != LabelSets::kNone ? id : overflow(method, status);
}

LabelSets::Id MetricsShard::State::overflow(http::Method method, unsigned status) {
    label_overflow.add(1);
    return other(method, status);
}

LabelSets::Id MetricsShard::State::other(http::Method method, unsigned status) {
    std::uint16_t& known = others_[static_cast<unsigned>(method) * kStatuses + status];
    if (known == 0) {
        known = static_cast<std::uint16_t>(label_sets->find_or_add_other(method, status) + 1);
    }
    return known - 1U;
}

Series& MetricsShard::State::cells(LabelSets::Id id) {
    Series* known = series[id].load(std::memory_order_relaxed);
    if (known == nullptr) {
        known = std::make_unique<Series>().release();
        series[id].store(known, std::memory_order_release);
    }
    return *known;
}

MetricsShard::MetricsShard(std::shared_ptr<LabelSets> label_sets)
    : state_{std::make_unique<State>(std::move(label_sets))} {}

MetricsShard::~MetricsShard() = default;

void MetricsShard::request_finished(http::Method method, std::string_view path, unsigned status,
                                    std::chrono::nanoseconds latency) {
    if (status < 100 || status > 999) status = 500;
    std::uint64_t const value = nanoseconds(latency);
    PathLabelBuffer buffer;
    std::string_view const label = path_label(path, buffer);
    if (label.empty() && !path.empty()) state_->label_overflow.add(1);
    state_->series_of(method, label, status).observe(value);
    state_->durations[status_class_index(status)].observe(value);
}

void MetricsShard::was_own(unsigned status, std::chrono::nanoseconds latency) {
    state_->own[status_class_index(status)].observe(nanoseconds(latency));
}

void MetricsShard::stage_finished(Stage stage, std::chrono::nanoseconds duration) {
    state_->stages[static_cast<unsigned>(stage)].observe(nanoseconds(duration));
}

void MetricsShard::failed(core::FailureKind kind) {
    state_->failures[static_cast<unsigned>(kind)].add(1);
}

void MetricsShard::rejected(RejectReason reason) {
    state_->rejected[static_cast<unsigned>(reason)].add(1);
}

void MetricsShard::retry_budget_exhausted() {
    state_->retry_budget_exhausted.add(1);
}

void MetricsShard::bytes_in(std::uint64_t n) {
    state_->bytes_in.add(n);
}

void MetricsShard::bytes_out(std::uint64_t n) {
    state_->bytes_out.add(n);
}

void MetricsShard::client_connected() {
    state_->client_connections.add(1);
}

void MetricsShard::client_disconnected() {
    state_->client_connections.sub(1);
}

}  // namespace reverse_proxy::telemetry
