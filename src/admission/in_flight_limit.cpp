#include "reverse_proxy/admission/in_flight_limit.hpp"

#include <cassert>

namespace reverse_proxy::admission {

CountingLimit::Permit& CountingLimit::Permit::operator=(Permit&& other) noexcept {
    if (this != &other) {
        release();
        limit_ = std::exchange(other.limit_, nullptr);
    }
    return *this;
}

void CountingLimit::Permit::release() noexcept {
    CountingLimit* const limit = std::exchange(limit_, nullptr);
    if (limit == nullptr) return;
    [[maybe_unused]] auto const before = limit->in_use_.fetch_sub(1, std::memory_order_acq_rel);
    assert(before > 0);
}

std::optional<CountingLimit::Permit> CountingLimit::try_acquire() {
    // Compare-and-swap in place of add-and-take-back: the count never passes the limit, not even
    // for the moment in which another worker would be refused because of it.
    std::size_t seen = in_use_.load(std::memory_order_relaxed);
    while (seen < limit_) {
        if (in_use_.compare_exchange_weak(seen, seen + 1, std::memory_order_acq_rel,
                                          std::memory_order_relaxed))
            return Permit{*this};
    }
    return std::nullopt;
}

}  // namespace reverse_proxy::admission
