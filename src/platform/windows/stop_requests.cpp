#include "reverse_proxy/platform/stop_requests.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <mutex>
#include <utility>
#include <vector>
#include <windows.h>

namespace reverse_proxy::platform {

namespace asio = boost::asio;

struct StopRequests::State {
    State(asio::io_context& context, std::function<void()> call)
        : io{context}, requested{std::make_shared<std::function<void()>>(std::move(call))} {}

    static BOOL WINAPI console_event(DWORD event);
    static bool tell_all();

    asio::io_context& io;
    std::shared_ptr<std::function<void()>> requested;  // what is posted may outlive this

    // The system calls on a thread of its own.
    static inline std::mutex mutex;
    static inline std::vector<State const*> living;
};

/// @return false where there is nobody to be told
bool StopRequests::State::tell_all() {
    std::lock_guard const lock{mutex};
    for (State const* const state : living)
        asio::post(state->io, [requested = state->requested] { (*requested)(); });
    return !living.empty();
}

BOOL StopRequests::State::console_event(DWORD event) {
    if (!tell_all()) return FALSE;  // the process is ended
    // When this returns from one of the others the process is ended, drained or not.
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) ::Sleep(INFINITE);
    return TRUE;
}

StopRequests::StopRequests(asio::io_context& io, std::function<void()> requested)
    : state_{std::make_unique<State>(io, std::move(requested))} {
    // For good: removing it could wait for a call that sleeps.
    static bool const installed = ::SetConsoleCtrlHandler(&State::console_event, TRUE) != 0;
    static_cast<void>(installed);
    std::lock_guard const lock{State::mutex};
    State::living.push_back(state_.get());
}

StopRequests::~StopRequests() {
    std::lock_guard const lock{State::mutex};
    std::erase(State::living, state_.get());
}

}  // namespace reverse_proxy::platform
