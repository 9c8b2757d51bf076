#pragma once

#include <functional>
#include <memory>

namespace boost::asio {
class io_context;
}

namespace reverse_proxy::platform {

/// The system's wishes that the process stop: SIGTERM and SIGINT (signal(7)); on Windows Ctrl-C,
/// Ctrl-Break, the console's closing and the system's shutdown (HandlerRoutine of its console
/// functions), of which the last two leave the process 5 seconds.
///
/// While one of these lives, none of them ends the process. Owned by one thread.
class StopRequests {
public:
    /// Calls `requested` from the io_context at each of them from now on; all that live are told.
    StopRequests(boost::asio::io_context& io, std::function<void()> requested);
    ~StopRequests();
    StopRequests(StopRequests const&) = delete;
    StopRequests& operator=(StopRequests const&) = delete;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace reverse_proxy::platform
