#include "reverse_proxy/core/reactor.hpp"

#include "reverse_proxy/platform/event_queue.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace reverse_proxy::core {

namespace asio = boost::asio;

Waiter::~Waiter() {
    stop();
}

void Waiter::start(Reactor& reactor, Socket& first, Readiness first_interest, Socket* second,
                   Readiness second_interest, TimePoint deadline) {
    reactor_ = &reactor;
    sockets_ = {&first, second};
    deadline_ = deadline;
    first.waiter_ = this;
    first.interest_ = first_interest;
    if (second != nullptr) {
        second->waiter_ = this;
        second->interest_ = second_interest;
    }
    reactor.insert_deadline(*this);
}

void Waiter::stop() {
    if (reactor_ == nullptr) return;
    for (Socket* socket : sockets_) {
        if (socket != nullptr) socket->waiter_ = nullptr;
    }
    DeadlineWheel::remove(*this);
    reactor_ = nullptr;
}

struct Reactor::Loop {
    Loop(Reactor& owner, asio::io_context& context)
        : reactor{owner}, io{context}, events{context}, timer{context} {}

    void wait_for_events();
    void run_ready();
    void dispatch();
    void arm_timer(TimePoint due);
    void timer_fired();
    void wake_yielded();
    void run_soon();

    Reactor& reactor;
    asio::io_context& io;
    platform::EventQueue events;
    asio::steady_timer timer;
    std::function<void(TimePoint)> on_tick;
    TimePoint armed_for{kNever};
    TimePoint next_tick;
    Waiter* yielded{nullptr};
    bool in_turn{false};  // within run_ready(), which looks after those who yield itself
    bool run_posted{false};
};

Reactor::Reactor(asio::io_context& io)
    : now_{Clock::now()}, deadlines_{now_}, loop_{std::make_unique<Loop>(*this, io)} {}

Reactor::~Reactor() = default;

boost::asio::io_context& Reactor::io() {
    return loop_->io;
}

void Reactor::start(std::function<void(TimePoint)> on_tick) {
    loop_->on_tick = std::move(on_tick);
    loop_->next_tick = now_;
    loop_->wait_for_events();
    loop_->arm_timer(deadlines_.next_look());
}

void Reactor::stop() {
    loop_->events.cancel();
    loop_->timer.cancel();
}

void Reactor::add(Socket& socket) {
    if (loop_->events.watch(socket.descriptor_, &socket)) return;
    // Watched by nobody (ENOMEM, or ENOSPC by max_user_watches), it is as good as broken.
    socket.ready_ = kReadable | kWritable | kHungUp | kReset;
    ++unwatched_;
}

void Reactor::forget(Socket& socket) {
    loop_->events.unwatch(&socket);
}

void Reactor::insert_deadline(Waiter& waiter) {
    if (deadlines_.insert(waiter, now_)) loop_->arm_timer(waiter.deadline_);
}

void Reactor::yield(Waiter& waiter) {
    waiter.reactor_ = this;
    DeadlineWheel::push(loop_->yielded, waiter);
    // From a timer or posted work: no socket's event may ever come to wake them.
    if (!loop_->in_turn) loop_->run_soon();
}

void Reactor::Loop::run_soon() {
    if (std::exchange(run_posted, true)) return;
    asio::post(io, [this] {
        run_posted = false;
        run_ready();
    });
}

void Reactor::Loop::wake_yielded() {
    Waiter* taken = nullptr;
    while (yielded != nullptr) {  // reverses the order: who yielded first goes on first
        Waiter& waiter = *yielded;
        DeadlineWheel::remove(waiter);
        DeadlineWheel::push(taken, waiter);
    }
    while (taken != nullptr)
        taken->wake(Wake::ready);
}

void Reactor::Loop::wait_for_events() {
    events.async_wait([this] {
        run_ready();
        wait_for_events();
    });
}

/// Works through events for as long as they keep coming, waiting for the next ones here: a way
/// round by Asio costs three more system calls. Asio's own work (timers, what was posted) is seen
/// to when a timer is due, after a quiet turn, and at a turn's end under full load.
void Reactor::Loop::run_ready() {
    using std::chrono::milliseconds;
    // Longer than the kernel's usual tick of 4 ms: for a wait that may end sooner the hardware's
    // timer is set and set back, 6 % of a request with four connections.
    constexpr milliseconds kLongestTurn{5};
    constexpr milliseconds kAtOnce{0};
    TimePoint const until = std::min(Clock::now() + kLongestTurn, armed_for);
    in_turn = true;
    auto patience = kAtOnce;
    do {
        bool const any = events.collect(yielded == nullptr ? patience : kAtOnce);
        if (!any && yielded == nullptr) break;
        reactor.read_clock();
        dispatch();
        wake_yielded();
        auto const timer_due = std::max(armed_for, reactor.now_) - reactor.now_;
        patience =
            timer_due > kLongestTurn ? kLongestTurn : std::chrono::ceil<milliseconds>(timer_due);
    } while (reactor.now_ < until);
    in_turn = false;
    if (yielded != nullptr) run_soon();
}

/// All sockets learn what has happened before anybody goes on: a request that takes an idle
/// connection to the origin must know that something came on it in the same moment.
void Reactor::Loop::dispatch() {
    while (auto const event = events.next())
        static_cast<Socket*>(event->tag)->ready_ |= event->ready;
    events.rewind();
    while (auto const event = events.next()) {
        Socket const& socket = *static_cast<Socket*>(event->tag);
        if (socket.waiter_ != nullptr && socket.ready(socket.interest_))
            socket.waiter_->wake(Wake::ready);
    }
}

void Reactor::Loop::arm_timer(TimePoint due) {
    if (due >= armed_for) return;
    armed_for = due;
    timer.expires_at(due);
    timer.async_wait([this](boost::system::error_code const& error) {
        if (!error) timer_fired();
    });
}

void Reactor::Loop::timer_fired() {
    armed_for = kNever;
    reactor.read_clock();
    TimePoint const now = reactor.now_;
    reactor.deadlines_.expire(now);
    if (now >= next_tick) {
        next_tick = now + DeadlineWheel::kTick;
        on_tick(now);
    }
    arm_timer(reactor.deadlines_.next_look());
}

}  // namespace reverse_proxy::core
