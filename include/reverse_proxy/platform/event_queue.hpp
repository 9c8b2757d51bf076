#pragma once

#include "reverse_proxy/platform/readiness.hpp"

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

namespace boost::asio {
class io_context;
}

namespace reverse_proxy::platform {

/// Tells which of many sockets have become ready, edge-triggered: each is watched once, and its
/// readiness reported when it begins and again after a call that would have blocked. epoll(7) on
/// Linux, WSAEventSelect on Windows.
///
/// Owned by one thread.
class EventQueue {
public:
    struct Event {
        void* tag;
        Readiness ready;
    };

    /// Throws std::system_error where the system has no descriptor left.
    explicit EventQueue(boost::asio::io_context& io);
    ~EventQueue();
    EventQueue(EventQueue const&) = delete;
    EventQueue& operator=(EventQueue const&) = delete;

    /// Reports a socket's events under `tag`, which is not null.
    /// @return false where the system can watch no more
    bool watch(int descriptor, void* tag);
    /// Nothing more is reported under `tag`. Must come before the descriptor is closed.
    void unwatch(void* tag);

    /// Collects the next batch; waits up to `patience` for a first event.
    /// @return whether there is any
    bool collect(std::chrono::milliseconds patience);
    /// The batch's next event in turn, none once it is worked through.
    std::optional<Event> next();
    /// The batch comes again from its beginning, without what was unwatched meanwhile.
    void rewind();

    /// Calls `ready` once from the io_context when there is something to collect.
    void async_wait(std::function<void()> ready);
    /// Drops the call that is awaited.
    void cancel();

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::platform
