#include "reverse_proxy/platform/event_queue.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <atomic>
#include <cstddef>
#include <system_error>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>
#include <winsock2.h>

namespace reverse_proxy::platform {

namespace asio = boost::asio;

namespace {

/// An event that resets itself once a wait has seen it.
HANDLE make_event() {
    HANDLE const event = ::CreateEventW(nullptr, FALSE, FALSE, nullptr);
    if (event == nullptr)
        throw std::system_error{static_cast<int>(::GetLastError()), std::system_category(),
                                "CreateEvent"};
    return event;
}

constexpr long kEvents = FD_READ | FD_WRITE | FD_ACCEPT | FD_CONNECT | FD_CLOSE;

/// Between two looks at listening sockets that report nothing. Wine 8 forgets to report the next
/// connection where it had told of one that was accepted already (an accept that would block does
/// not re-enable FD_ACCEPT there, as it must).
constexpr DWORD kLookMilliseconds = 100;

/// What a socket has to report since the last call.
Readiness readiness_of(SOCKET socket) {
    WSANETWORKEVENTS network{};
    if (::WSAEnumNetworkEvents(socket, nullptr, &network) != 0) return 0;
    Readiness ready = 0;
    long const events = network.lNetworkEvents;
    if ((events & (FD_READ | FD_ACCEPT)) != 0) ready |= kReadable;
    if ((events & (FD_WRITE | FD_CONNECT)) != 0) ready |= kWritable;
    if ((events & FD_CLOSE) != 0) ready |= kHungUp | kReadable;
    bool const failed = ((events & FD_CONNECT) != 0 && network.iErrorCode[FD_CONNECT_BIT] != 0) ||
                        ((events & FD_CLOSE) != 0 && network.iErrorCode[FD_CLOSE_BIT] != 0);
    if (failed) ready |= kHungUp | kReset | kReadable | kWritable;
    return ready;
}

/// What a socket is ready for that came here after its connect had ended.
Readiness connected_already(SOCKET socket) {
    fd_set writable;
    fd_set failed;
    FD_ZERO(&writable);
    FD_ZERO(&failed);
    FD_SET(socket, &writable);
    FD_SET(socket, &failed);
    timeval at_once{0, 0};
    if (::select(0, nullptr, &writable, &failed, &at_once) <= 0) return 0;
    if (FD_ISSET(socket, &failed)) return kReadable | kWritable | kHungUp | kReset;
    return kWritable;
}

bool is_listening(SOCKET socket) {
    BOOL listening = FALSE;
    int size = sizeof listening;
    ::getsockopt(socket, SOL_SOCKET, SO_ACCEPTCONN, reinterpret_cast<char*>(&listening), &size);
    return listening != FALSE;
}

}  // namespace

/// All sockets signal one event (WSAEventSelect). While the worker waits, a thread waits for the
/// event in its place and posts the call; then each socket is asked what it has.
struct EventQueue::State {
    struct Watch {
        SOCKET socket;
        bool listening;
        Readiness known;  // to be reported beside what the system says
    };

    explicit State(asio::io_context& context)
        : io{context}, event{make_event()}, armed{make_event()}, waiter{[this] { wait(); }} {}
    State(State const&) = delete;
    State& operator=(State const&) = delete;
    ~State();

    void wait();
    void ask_all();

    asio::io_context& io;
    HANDLE event;
    HANDLE armed;                              // set: the worker waits
    std::unordered_map<void*, Watch> watches;  // by tag
    std::vector<Event> batch;
    std::size_t next{0};
    std::function<void()> ready;  // whom to call; the worker's alone
    std::atomic<bool> signalled{false};
    std::atomic<bool> look{false};  // at listening sockets as well
    std::atomic<bool> stopping{false};
    std::thread waiter;
};

EventQueue::State::~State() {
    stopping = true;
    ::SetEvent(armed);
    ::SetEvent(event);
    waiter.join();
    ::CloseHandle(armed);
    ::CloseHandle(event);
}

void EventQueue::State::wait() {
    for (;;) {
        ::WaitForSingleObject(armed, INFINITE);
        if (stopping) return;
        if (::WaitForSingleObject(event, kLookMilliseconds) == WAIT_TIMEOUT) look = true;
        if (stopping) return;
        signalled = true;
        asio::post(io, [this] {
            if (auto const call = std::exchange(ready, {})) call();
        });
    }
}

void EventQueue::State::ask_all() {
    bool const look_at_all = look.exchange(false);
    for (auto& [tag, watch] : watches) {
        Readiness found = readiness_of(watch.socket) | std::exchange(watch.known, 0);
        if (look_at_all && watch.listening) found |= kReadable;
        if (found != 0) batch.push_back({tag, found});
    }
}

EventQueue::EventQueue(asio::io_context& io) : state_{std::make_unique<State>(io)} {}

EventQueue::~EventQueue() = default;

bool EventQueue::watch(int descriptor, void* tag) {
    auto const socket = static_cast<SOCKET>(descriptor);
    if (::WSAEventSelect(socket, state_->event, kEvents) != 0) return false;
    State::Watch const watch{socket, is_listening(socket), connected_already(socket)};
    state_->watches[tag] = watch;
    if (watch.known != 0) ::SetEvent(state_->event);
    return true;
}

void EventQueue::unwatch(void* tag) {
    auto const found = state_->watches.find(tag);
    if (found == state_->watches.end()) return;
    ::WSAEventSelect(found->second.socket, nullptr, 0);
    state_->watches.erase(found);
    for (Event& event : state_->batch)
        if (event.tag == tag) event.tag = nullptr;
}

bool EventQueue::collect(std::chrono::milliseconds patience) {
    state_->batch.clear();
    state_->next = 0;
    bool const told = state_->signalled.exchange(false);
    auto const bound = static_cast<DWORD>(told ? 0 : patience.count());
    if (::WaitForSingleObject(state_->event, bound) == WAIT_OBJECT_0 || told) state_->ask_all();
    return !state_->batch.empty();
}

std::optional<EventQueue::Event> EventQueue::next() {
    while (state_->next < state_->batch.size()) {
        Event const event = state_->batch[state_->next++];
        if (event.tag != nullptr) return event;
    }
    return {};
}

void EventQueue::rewind() {
    state_->next = 0;
}

void EventQueue::async_wait(std::function<void()> ready) {
    state_->ready = std::move(ready);
    ::SetEvent(state_->armed);
}

void EventQueue::cancel() {
    state_->ready = {};
}

}  // namespace reverse_proxy::platform
