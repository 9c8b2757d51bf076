#include "reverse_proxy/core/reactor.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cerrno>
#include <sys/epoll.h>
#include <system_error>
#include <unistd.h>
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

/// Events of one epoll_wait. A socket that closes while they are worked through is struck out.
struct Reactor::Batch {
    // 256: more events at once did not lower the cost of a request at 1,000 connections.
    static constexpr int kSize = 256;
    std::array<epoll_event, kSize> events;
    int size{0};
    int next{0};
};

struct Reactor::Loop {
    Loop(Reactor& owner, asio::io_context& context)
        : reactor{owner}, io{context}, epoll{context, open_epoll()}, timer{context} {}

    static int open_epoll() {
        int const descriptor = ::epoll_create1(EPOLL_CLOEXEC);
        if (descriptor < 0)
            throw std::system_error{errno, std::generic_category(), "epoll_create1"};
        return descriptor;
    }

    void wait_for_events();
    void run_ready();
    void dispatch(epoll_event const& event);
    void arm_timer(TimePoint due);
    void timer_fired();
    void wake_yielded();
    void run_soon();

    Reactor& reactor;
    asio::io_context& io;
    asio::posix::stream_descriptor epoll;
    asio::steady_timer timer;
    std::function<void(TimePoint)> on_tick;
    TimePoint armed_for{kNever};
    TimePoint next_tick;
    Batch batch;
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
    loop_->epoll.cancel();
    loop_->timer.cancel();
}

void Reactor::add(Socket& socket) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = &socket;
    if (::epoll_ctl(loop_->epoll.native_handle(), EPOLL_CTL_ADD, socket.descriptor_, &event) != 0) {
        // ENOMEM or ENOSPC (max_user_watches): the socket is as good as broken.
        socket.ready_ = kReadable | kWritable | kHungUp;
    }
}

void Reactor::forget(Socket& socket) {
    Batch& batch = loop_->batch;
    for (int i = batch.next; i < batch.size; ++i) {
        if (batch.events[static_cast<std::size_t>(i)].data.ptr == &socket) {
            batch.events[static_cast<std::size_t>(i)].data.ptr = nullptr;
        }
    }
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
    epoll.async_wait(asio::posix::stream_descriptor::wait_read,
                     [this](boost::system::error_code const& error) {
                         if (error) return;
                         run_ready();
                         wait_for_events();
                     });
}

/// Works through events for as long as they keep coming, waiting for the next ones here: a way
/// round by Asio costs three more system calls. Asio's own work (timers, what was posted) is seen
/// to after a quiet millisecond, when a timer is due, and every 5 ms under full load.
void Reactor::Loop::run_ready() {
    constexpr int kQuietMilliseconds = 1;
    constexpr std::chrono::milliseconds kLongestTurn{5};
    TimePoint const until = std::min(Clock::now() + kLongestTurn, armed_for);
    in_turn = true;
    int patience = 0;
    do {
        batch.size = ::epoll_wait(epoll.native_handle(), batch.events.data(), Batch::kSize,
                                  yielded == nullptr ? patience : 0);
        if (batch.size <= 0 && yielded == nullptr) break;
        reactor.now_ = Clock::now();
        for (batch.next = 0; batch.next < batch.size;) {
            dispatch(batch.events[static_cast<std::size_t>(batch.next++)]);
        }
        wake_yielded();
        patience = kQuietMilliseconds;
    } while (reactor.now_ < until);
    batch.size = 0;
    in_turn = false;
    if (yielded != nullptr) run_soon();
}

void Reactor::Loop::dispatch(epoll_event const& event) {
    if (event.data.ptr == nullptr) return;
    Socket& socket = *static_cast<Socket*>(event.data.ptr);
    Readiness ready = socket.ready_;
    if ((event.events & EPOLLIN) != 0) ready |= kReadable;
    if ((event.events & EPOLLOUT) != 0) ready |= kWritable;
    if ((event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ready |= kHungUp | kReadable;
    if ((event.events & (EPOLLHUP | EPOLLERR)) != 0) ready |= kWritable;
    socket.ready_ = ready;
    if (socket.waiter_ != nullptr && (ready & socket.interest_) != 0)
        socket.waiter_->wake(Wake::ready);
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
    TimePoint const now = Clock::now();
    reactor.now_ = now;
    reactor.deadlines_.expire(now);
    if (now >= next_tick) {
        next_tick = now + DeadlineWheel::kTick;
        on_tick(now);
    }
    arm_timer(reactor.deadlines_.next_look());
}

}  // namespace reverse_proxy::core
