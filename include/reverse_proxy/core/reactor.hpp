#pragma once

#include "reverse_proxy/core/clock.hpp"
#include "reverse_proxy/platform/readiness.hpp"
#include "reverse_proxy/platform/sockets.hpp"

#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <utility>

namespace boost::asio {
class io_context;
}

namespace reverse_proxy::core {

class Reactor;
class Socket;

using platform::kHungUp;
using platform::kReadable;
using platform::kReset;
using platform::kWritable;
using platform::Readiness;

/// Why a wait ended.
enum class Wake : std::uint8_t { ready, timed_out, cancelled };

/// Someone who waits for sockets and a deadline at once: a coroutine (through Wait) or a callback.
class Waiter {
public:
    using Callback = void (*)(Waiter& self, Wake wake);
    explicit Waiter(Callback callback) : callback_{callback} {}
    Waiter(Waiter const&) = delete;
    Waiter& operator=(Waiter const&) = delete;
    ~Waiter();

    /// Starts waiting. `second` may be null. The callback is called once, from the reactor's loop.
    void start(Reactor& reactor, Socket& first, Readiness first_interest, Socket* second,
               Readiness second_interest, TimePoint deadline);
    /// Ends the wait without a call.
    void stop();
    /// Ends the wait with a call.
    void wake(Wake wake) {
        stop();
        callback_(*this, wake);
    }
    [[nodiscard]] bool waiting() const { return reactor_ != nullptr; }

private:
    friend class Reactor;
    friend class Socket;
    friend class DeadlineWheel;
    friend class YieldTurn;

    Callback callback_;
    Reactor* reactor_{nullptr};  // set while waiting
    std::array<Socket*, 2> sockets_{};
    TimePoint deadline_{kNever};
    Waiter* previous_{nullptr};  // in a list of the deadline wheel
    Waiter* next_{nullptr};
    Waiter** list_{nullptr};
};

/// Result of one non-blocking read or write.
struct IoResult {
    enum class Status : std::uint8_t { ok, would_block, end_of_stream, failed };
    Status status{Status::ok};
    std::size_t bytes{0};
    int error{0};  // errno where `failed`
};

/// When bytes leave: at once, or in one segment with the connection's end, which must follow before
/// anything suspends (MSG_MORE; without an end the kernel holds them for 200 ms, tcp(7)).
enum class Push : std::uint8_t { now, with_end };

/// A non-blocking stream socket that is registered once with its worker's reactor, edge-triggered.
///
/// Remembers what the kernel last said, so that a read or write that must fail is never tried, and
/// a short read is known to have emptied the socket (epoll(7)). Must stay at its address while
/// open. Owned by one worker.
class Socket {
public:
    Socket() = default;
    Socket(Socket const&) = delete;
    Socket& operator=(Socket const&) = delete;
    ~Socket() { close(); }

    /// Takes the descriptor over. `ready`: what may be tried before the kernel reports anything.
    void open(Reactor& reactor, int descriptor, Readiness ready);
    void close();
    /// Resets the connection instead of closing it in order (RST), so that the peer sees a failure.
    void reset();
    void shutdown_send();
    [[nodiscard]] bool is_open() const { return descriptor_ >= 0; }
    [[nodiscard]] int descriptor() const { return descriptor_; }

    [[nodiscard]] bool ready(Readiness bits) const { return (ready_ & bits) != 0; }
    [[nodiscard]] bool hung_up() const { return ready(kHungUp); }
    /// For calls made directly on the descriptor: they found that it would block.
    void not_ready(Readiness bits) { ready_ = static_cast<Readiness>(ready_ & ~bits); }

    /// One recv of at most `space` bytes.
    IoResult read(std::span<char> space);
    /// One send of these pieces, as much as the kernel takes.
    IoResult write(std::span<platform::Piece const> pieces, Push push = Push::now);
    IoResult write(std::span<char const> bytes, Push push = Push::now);
    /// The pending error of a connect that has become writable (SO_ERROR).
    [[nodiscard]] int take_error() const { return platform::take_error(descriptor_); }
    /// How many bytes the kernel would surely take now.
    [[nodiscard]] std::size_t send_room() const { return platform::send_room(descriptor_); }
    /// Bytes that were written and the peer's kernel has not acknowledged yet (SIOCOUTQ): they grow
    /// less while a slow peer reads, long before the socket takes more.
    [[nodiscard]] std::size_t unacknowledged() const {
        return platform::unacknowledged(descriptor_);
    }
    /// Asks the kernel whether the peer has sent anything or gone (a peek), whatever was reported
    /// so far.
    [[nodiscard]] bool quiet();
    /// Wakes whoever waits for this socket with Wake::cancelled.
    void cancel_wait();
    [[nodiscard]] bool waited_for() const { return waiter_ != nullptr; }

private:
    friend class Reactor;
    friend class Waiter;

    IoResult written(platform::Transfer sent, std::size_t wanted);

    int descriptor_{-1};
    Readiness ready_{0};
    Readiness interest_{0};
    Waiter* waiter_{nullptr};
    Reactor* reactor_{nullptr};
};

/// Deadlines of waiters, coarse and cheap: a hashed wheel of 512 slots of 100 ms for those further
/// away than two ticks, and one list for the few that are due sooner (Varghese and Lauck, 1987).
/// Insertion and removal are O(1).
class DeadlineWheel {
public:
    static constexpr std::chrono::milliseconds kTick{100};

    explicit DeadlineWheel(TimePoint start) : tick_time_{start} {}
    /// @return true where the waiter is due sooner than all others in the list of the soon due
    bool insert(Waiter& waiter, TimePoint now);
    static void remove(Waiter& waiter);
    /// Wakes all that are late. Waiters may be inserted and removed meanwhile.
    void expire(TimePoint now);
    /// When to look again.
    [[nodiscard]] TimePoint next_look() const;

private:
    static constexpr std::size_t kSlots = 512;
    friend class Reactor;
    static void push(Waiter*& list, Waiter& waiter);
    void work_through(Waiter*& list, TimePoint now);

    std::array<Waiter*, kSlots> slots_{};
    Waiter* soon_{nullptr};
    TimePoint soon_due_{kNever};
    TimePoint tick_time_;  // start of the slot that is looked at next
    std::size_t slot_{0};
};

/// The readiness engine of one worker: every socket is registered once, edge-triggered, for
/// reading, writing and the peer's departure. Its event queue is watched by the worker's
/// io_context, on which everything else (timers, posted work) runs. See docs/adr/0001.
class Reactor {
public:
    explicit Reactor(boost::asio::io_context& io);
    ~Reactor();
    Reactor(Reactor const&) = delete;
    Reactor& operator=(Reactor const&) = delete;

    /// Starts the loop; `on_tick` is called about every 100 ms.
    void start(std::function<void(TimePoint)> on_tick);
    void stop();

    /// The time at the start of the current batch of events; good enough for deadlines.
    [[nodiscard]] TimePoint now() const { return now_; }
    /// For work that no event of a socket began: the last batch may be long ago.
    void read_clock() { now_ = Clock::now(); }
    /// Wakes the waiter once the others have had their turn.
    void yield(Waiter& waiter);
    [[nodiscard]] boost::asio::io_context& io();
    /// How many sockets were opened since the last call that the kernel would not watch; they are
    /// taken for reset.
    [[nodiscard]] std::size_t take_unwatched() { return std::exchange(unwatched_, 0); }

private:
    friend class Socket;
    friend class Waiter;
    friend class YieldTurn;

    struct Loop;  // Asio's part and the event queue

    void add(Socket& socket);
    void forget(Socket& socket);
    void insert_deadline(Waiter& waiter);

    TimePoint now_;
    std::size_t unwatched_{0};
    DeadlineWheel deadlines_;
    std::unique_ptr<Loop> loop_;
};

/// `Wake wake = co_await Wait{reactor, socket, kReadable, deadline};`
class Wait : Waiter {
public:
    Wait(Reactor& reactor, Socket& socket, Readiness interest, TimePoint deadline)
        : Wait{reactor, socket, interest, nullptr, 0, deadline} {}
    Wait(Reactor& reactor, Socket& first, Readiness first_interest, Socket* second,
         Readiness second_interest, TimePoint deadline)
        : Waiter{&resumed}, reactor_on_{reactor}, first_{first}, second_{second}, until_{deadline},
          first_interest_{first_interest}, second_interest_{second_interest} {}

    bool await_ready() const {
        return first_.ready(first_interest_) ||
               (second_ != nullptr && second_->ready(second_interest_));
    }
    void await_suspend(std::coroutine_handle<> waiting) {
        handle_ = waiting;
        start(reactor_on_, first_, first_interest_, second_, second_interest_, until_);
    }
    Wake await_resume() const { return wake_; }

private:
    static void resumed(Waiter& self, Wake wake) {
        auto& wait = static_cast<Wait&>(self);
        wait.wake_ = wake;
        wait.handle_.resume();
    }

    Reactor& reactor_on_;
    Socket& first_;
    Socket* second_;
    TimePoint until_;
    std::coroutine_handle<> handle_;
    Readiness first_interest_;
    Readiness second_interest_;
    Wake wake_{Wake::ready};
};

/// `co_await YieldTurn{reactor};` lets the other connections of the worker have their turn.
class YieldTurn : Waiter {
public:
    explicit YieldTurn(Reactor& reactor) : Waiter{&resumed}, reactor_on_{reactor} {}
    bool await_ready() const { return false; }
    void await_suspend(std::coroutine_handle<> waiting) {
        handle_ = waiting;
        reactor_on_.yield(*this);
    }
    void await_resume() const {}

private:
    static void resumed(Waiter& self, Wake /*wake*/) {
        static_cast<YieldTurn&>(self).handle_.resume();
    }

    Reactor& reactor_on_;
    std::coroutine_handle<> handle_;
};

}  // namespace reverse_proxy::core
