#pragma once

#include <chrono>
#include <string>
#include <string_view>

namespace reverse_proxy::platform {

/// The service manager that started this process, as sd_notify(3) describes it: a datagram socket
/// named by NOTIFY_SOCKET that takes lines of NAME=value, and a watchdog that wants a sign of life
/// more often than WATCHDOG_USEC. Without these variables there is none, and tell() does nothing.
///
/// Owned by one thread.
class ServiceManager {
public:
    /// Reads the environment. A watchdog that is meant for another process (WATCHDOG_PID) is none.
    ServiceManager();
    ~ServiceManager();
    ServiceManager(ServiceManager const&) = delete;
    ServiceManager& operator=(ServiceManager const&) = delete;

    /// Sends these lines as one message. Waits at most a second for a manager that does not read.
    /// @return 0, or the errno for which it could not be sent
    int tell(std::string_view lines);

    /// Longest time between two signs of life; 0 = nobody watches.
    [[nodiscard]] std::chrono::microseconds watchdog() const { return watchdog_; }

private:
    std::string socket_path_;  // begins with NUL where the address is abstract
    int descriptor_{-1};
    std::chrono::microseconds watchdog_{0};
};

}  // namespace reverse_proxy::platform
