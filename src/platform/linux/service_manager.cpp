#include "reverse_proxy/platform/service_manager.hpp"

#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

namespace reverse_proxy::platform {
namespace {

std::string_view variable(char const* name) {
    char const* const value = std::getenv(name);
    return value == nullptr ? std::string_view{} : value;
}

/// 0 where the variable is not set or not a number.
std::int64_t number(char const* name) {
    auto const text = variable(name);
    std::int64_t value = 0;
    auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() && value > 0 ? value : 0;
}

}  // namespace

ServiceManager::ServiceManager() {
    socket_path_ = variable("NOTIFY_SOCKET");
    // Other kinds of address (vsock) are for virtual machines as a whole.
    if (socket_path_.empty() || (socket_path_[0] != '/' && socket_path_[0] != '@')) return;
    if (socket_path_[0] == '@') socket_path_[0] = '\0';
    descriptor_ = ::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    timeval const second{.tv_sec = 1, .tv_usec = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof second);
    auto const watched = number("WATCHDOG_PID");
    if (watched == 0 || watched == ::getpid())
        watchdog_ = std::chrono::microseconds{number("WATCHDOG_USEC")};
}

ServiceManager::~ServiceManager() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

int ServiceManager::tell(std::string_view lines) {
    if (descriptor_ < 0) return 0;
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (socket_path_.size() >= sizeof address.sun_path) return ENAMETOOLONG;
    std::memcpy(address.sun_path, socket_path_.data(), socket_path_.size());
    // An abstract name ends where the length says, so no byte more than the name.
    auto const size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_path_.size());
    auto const sent = ::sendto(descriptor_, lines.data(), lines.size(), MSG_NOSIGNAL,
                               reinterpret_cast<sockaddr const*>(&address), size);
    return sent < 0 ? errno : 0;
}

}  // namespace reverse_proxy::platform
