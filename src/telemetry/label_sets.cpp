#include "reverse_proxy/telemetry/label_sets.hpp"

#include <memory>
#include <utility>

namespace reverse_proxy::telemetry {

LabelSets::~LabelSets() {
    for (auto& set : sets_)
        delete set.load(std::memory_order_relaxed);
}

LabelSets::Id LabelSets::find_or_add_within(Id begin, Id end, LabelSet wanted) {
    for (Id id = begin; id < end; ++id) {
        LabelSet const* const known = at(id);
        if (known == nullptr) {
            sets_[id].store(std::make_unique<LabelSet>(std::move(wanted)).release(),
                            std::memory_order_release);
            return id;
        }
        if (known->method == wanted.method && known->status == wanted.status &&
            known->path == wanted.path)
            return id;
    }
    return kNone;
}

LabelSets::Id LabelSets::find_or_add(http::Method method, std::string_view path, unsigned status) {
    std::lock_guard const lock{mutex_};
    Id const id = find_or_add_within(0, kPathSets, {method, status, std::string{path}});
    if (at(kPathSets - 1) != nullptr) paths_full_.store(true, std::memory_order_release);
    return id;
}

LabelSets::Id LabelSets::find_or_add_other(http::Method method, unsigned status) {
    std::lock_guard const lock{mutex_};
    constexpr Id kClassBegin = kPathSets + kOtherSets;
    Id const id =
        find_or_add_within(kPathSets, kClassBegin, {method, status, std::string{kOtherPath}});
    if (id != kNone) return id;
    // RFC 9110, 15: a status outside 100..599 is to be treated as a 5xx.
    unsigned const status_class = status >= 100 && status < 600 ? status / 100 : 5;
    return find_or_add_within(kClassBegin, kCapacity,
                              {http::Method::other, status_class * 100, std::string{kOtherPath}});
}

}  // namespace reverse_proxy::telemetry
