#include "reverse_proxy/platform/event_queue.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <sys/epoll.h>
#include <system_error>
#include <utility>

namespace reverse_proxy::platform {

namespace asio = boost::asio;

namespace {

/// Most events in one batch: more at once did not lower the cost of a request at 1,000 connections.
constexpr int kBatch = 256;

int open_epoll() {
    int const descriptor = ::epoll_create1(EPOLL_CLOEXEC);
    if (descriptor < 0) throw std::system_error{errno, std::generic_category(), "epoll_create1"};
    return descriptor;
}

Readiness readiness_of(std::uint32_t events) {
    Readiness ready = 0;
    if ((events & EPOLLIN) != 0) ready |= kReadable;
    if ((events & EPOLLOUT) != 0) ready |= kWritable;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) ready |= kHungUp | kReadable;
    if ((events & (EPOLLHUP | EPOLLERR)) != 0) ready |= kWritable;
    if ((events & EPOLLERR) != 0) ready |= kReset;
    return ready;
}

}  // namespace

struct EventQueue::State {
    explicit State(asio::io_context& io) : epoll{io, open_epoll()} {}

    asio::posix::stream_descriptor epoll;
    std::array<epoll_event, kBatch> events;
    int size{0};
    int next{0};
};

EventQueue::EventQueue(asio::io_context& io) : state_{std::make_unique<State>(io)} {}

EventQueue::~EventQueue() = default;

bool EventQueue::watch(int descriptor, void* tag) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
    event.data.ptr = tag;
    return ::epoll_ctl(state_->epoll.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

/// epoll forgets a descriptor that is closed; what the batch holds of it is struck out.
void EventQueue::unwatch(void* tag) {
    for (int i = state_->next; i < state_->size; ++i) {
        epoll_event& event = state_->events[static_cast<std::size_t>(i)];
        if (event.data.ptr == tag) event.data.ptr = nullptr;
    }
}

bool EventQueue::collect(std::chrono::milliseconds patience) {
    state_->next = 0;
    state_->size = ::epoll_wait(state_->epoll.native_handle(), state_->events.data(), kBatch,
                                static_cast<int>(patience.count()));
    return state_->size > 0;
}

std::optional<EventQueue::Event> EventQueue::next() {
    while (state_->next < state_->size) {
        epoll_event const& event = state_->events[static_cast<std::size_t>(state_->next++)];
        if (event.data.ptr != nullptr) return Event{event.data.ptr, readiness_of(event.events)};
    }
    return {};
}

void EventQueue::rewind() {
    state_->next = 0;
}

void EventQueue::async_wait(std::function<void()> ready) {
    state_->epoll.async_wait(asio::posix::stream_descriptor::wait_read,
                             [ready = std::move(ready)](boost::system::error_code const& error) {
                                 if (!error) ready();
                             });
}

void EventQueue::cancel() {
    state_->epoll.cancel();
}

}  // namespace reverse_proxy::platform
