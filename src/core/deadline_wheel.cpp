#include "reverse_proxy/core/reactor.hpp"

#include <algorithm>

namespace reverse_proxy::core {

void DeadlineWheel::push(Waiter*& list, Waiter& waiter) {
    waiter.list_ = &list;
    waiter.previous_ = nullptr;
    waiter.next_ = list;
    if (list != nullptr) list->previous_ = &waiter;
    list = &waiter;
}

void DeadlineWheel::remove(Waiter& waiter) {
    if (waiter.list_ == nullptr) return;
    if (waiter.next_ != nullptr) waiter.next_->previous_ = waiter.previous_;
    if (waiter.previous_ != nullptr) {
        waiter.previous_->next_ = waiter.next_;
    } else {
        *waiter.list_ = waiter.next_;
    }
    waiter.list_ = nullptr;
}

bool DeadlineWheel::insert(Waiter& waiter, TimePoint now) {
    if (waiter.deadline_ == kNever) return false;
    if (waiter.deadline_ < now + 2 * kTick || waiter.deadline_ < tick_time_) {
        push(soon_, waiter);
        if (waiter.deadline_ >= soon_due_) return false;
        soon_due_ = waiter.deadline_;
        return true;
    }
    auto const ticks = static_cast<std::size_t>((waiter.deadline_ - tick_time_) / kTick);
    push(slots_[(slot_ + ticks) % kSlots], waiter);
    return false;
}

void DeadlineWheel::work_through(Waiter*& list, TimePoint now) {
    // The list is emptied first: waking a waiter may insert and remove any other.
    Waiter* taken = nullptr;
    while (list != nullptr) {
        Waiter& waiter = *list;
        remove(waiter);
        push(taken, waiter);
    }
    while (taken != nullptr) {
        Waiter& waiter = *taken;
        remove(waiter);
        if (waiter.deadline_ <= now) {
            waiter.wake(Wake::timed_out);
        } else {
            insert(waiter, now);
        }
    }
}

void DeadlineWheel::expire(TimePoint now) {
    while (tick_time_ <= now) {
        std::size_t const due = slot_;
        slot_ = (slot_ + 1) % kSlots;
        tick_time_ += kTick;
        work_through(slots_[due], now);
    }
    if (soon_due_ <= now) {
        soon_due_ = kNever;
        work_through(soon_, now);
    }
}

TimePoint DeadlineWheel::next_look() const {
    return std::min(tick_time_, soon_due_);
}

}  // namespace reverse_proxy::core
