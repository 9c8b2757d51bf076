#include "tests/support/socket.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cerrno>
#include <cstring>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include <utility>
#include <variant>

namespace reverse_proxy::test_support {
namespace {

[[noreturn]] void fail(char const* what) {
    throw std::runtime_error{std::string{what} + ": " + std::strerror(errno)};
}

/// @return the events that came; 0 where the deadline passed
short wait_for(int fd, short events, Deadline deadline) {
    for (;;) {
        auto const left = std::chrono::duration_cast<std::chrono::milliseconds>(
            deadline - std::chrono::steady_clock::now());
        pollfd entry{fd, events, 0};
        int const ready = ::poll(&entry, 1, static_cast<int>(std::max<long>(left.count(), 0)));
        if (ready > 0) return entry.revents;
        if (ready == 0) return 0;
        if (errno != EINTR) fail("poll");
    }
}

bool is_reset(int error) {
    return error == ECONNRESET || error == EPIPE || error == ENOTCONN;
}

using Address = std::variant<sockaddr_in, sockaddr_in6>;

Address address_of(std::string const& text, std::uint16_t port) {
    sockaddr_in v4{};
    if (::inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
        v4.sin_family = AF_INET;
        v4.sin_port = htons(port);
        return v4;
    }
    sockaddr_in6 v6{};
    if (::inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr) != 1) {
        throw std::runtime_error{"not an address: " + text};
    }
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    return v6;
}

template <typename Call> int with_sockaddr(Address const& address, Call call) {
    return std::visit(
        [&](auto const& a) {
            sockaddr_storage storage{};
            std::memcpy(&storage, &a, sizeof(a));
            return call(reinterpret_cast<sockaddr const*>(&storage),
                        static_cast<socklen_t>(sizeof(a)));
        },
        address);
}

int new_tcp_socket(Address const& address, SocketOptions const& options) {
    int const family = std::holds_alternative<sockaddr_in>(address) ? AF_INET : AF_INET6;
    int const fd = ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket");
    int const one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (options.receive_buffer_bytes > 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &options.receive_buffer_bytes, sizeof(int));
    }
    if (options.send_buffer_bytes > 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &options.send_buffer_bytes, sizeof(int));
    }
    return fd;
}

void finish_connect(int fd, int result) {
    if (result == 0) return;
    if (errno != EINPROGRESS) fail("connect");
    if (wait_for(fd, POLLOUT, within()) == 0) throw TimedOut{"connect"};
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) {
        errno = error;
        fail("connect");
    }
}

}  // namespace

Socket::Socket(int fd) : fd_{fd} {}
Socket::~Socket() {
    close();
}
Socket::Socket(Socket&& other) noexcept : fd_{std::exchange(other.fd_, -1)} {}
Socket& Socket::operator=(Socket&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
}

Socket Socket::connect_tcp(std::string const& text, std::uint16_t port,
                           SocketOptions const& options) {
    auto const address = address_of(text, port);
    Socket socket{new_tcp_socket(address, options)};
    finish_connect(socket.fd_, with_sockaddr(address, [&](sockaddr const* a, socklen_t size) {
                       return ::connect(socket.fd_, a, size);
                   }));
    return socket;
}

Socket Socket::connect_unix(std::string const& path) {
    Socket socket{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)};
    if (!socket.is_open()) fail("socket");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof(address.sun_path)) throw std::runtime_error{"path too long"};
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    finish_connect(socket.fd_, ::connect(socket.fd_, reinterpret_cast<sockaddr const*>(&address),
                                         sizeof(address)));
    return socket;
}

Socket Socket::listen_tcp(std::string const& text, std::uint16_t port,
                          SocketOptions const& options) {
    auto const address = address_of(text, port);
    Socket socket{new_tcp_socket(address, options)};
    int const one = 1;
    ::setsockopt(socket.fd_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    int const bound = with_sockaddr(
        address, [&](sockaddr const* a, socklen_t size) { return ::bind(socket.fd_, a, size); });
    if (bound != 0) fail("bind");
    if (::listen(socket.fd_, 1024) != 0) fail("listen");
    return socket;
}

std::uint16_t Socket::local_port() const {
    sockaddr_storage storage{};
    socklen_t size = sizeof(storage);
    if (::getsockname(fd_, reinterpret_cast<sockaddr*>(&storage), &size) != 0) fail("getsockname");
    if (storage.ss_family == AF_INET6) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, &storage, sizeof(v6));
        return ntohs(v6.sin6_port);
    }
    sockaddr_in v4{};
    std::memcpy(&v4, &storage, sizeof(v4));
    return ntohs(v4.sin_port);
}

void Socket::send_all(std::string_view bytes, Deadline deadline) {
    while (!bytes.empty()) {
        auto const sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) {
            bytes.remove_prefix(static_cast<std::size_t>(sent));
            continue;
        }
        if (is_reset(errno)) throw PeerClosed{"reset while sending"};
        if (errno != EAGAIN && errno != EINTR) fail("send");
        if (wait_for(fd_, POLLOUT, deadline) == 0) throw TimedOut{"send"};
    }
}

std::size_t Socket::send_some(std::string_view bytes, std::chrono::milliseconds patience) {
    for (;;) {
        auto const sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent >= 0) return static_cast<std::size_t>(sent);
        if (is_reset(errno)) throw PeerClosed{"reset while sending"};
        if (errno != EAGAIN && errno != EINTR) fail("send");
        if (wait_for(fd_, POLLOUT, within(patience)) == 0) return 0;
    }
}

std::size_t Socket::receive(char* out, std::size_t size, Deadline deadline) {
    for (;;) {
        auto const received = ::recv(fd_, out, size, MSG_DONTWAIT);
        if (received >= 0) return static_cast<std::size_t>(received);
        if (is_reset(errno)) throw PeerClosed{"reset while receiving"};
        if (errno != EAGAIN && errno != EINTR) fail("recv");
        if (wait_for(fd_, POLLIN, deadline) == 0) throw TimedOut{"receive"};
    }
}

bool Socket::wait_closed(Deadline deadline) {
    char scratch[4096];
    try {
        while (receive(scratch, sizeof(scratch), deadline) > 0) {
        }
        return true;
    } catch (PeerClosed const&) {
        return true;
    } catch (TimedOut const&) {
        return false;
    }
}

void Socket::shutdown_write() {
    ::shutdown(fd_, SHUT_WR);
}

void Socket::reset() {
    if (fd_ < 0) return;
    linger const at_once{1, 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close();
}

void Socket::close() {
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void Socket::interrupt() {
    if (fd_ >= 0) ::shutdown(fd_, SHUT_RDWR);
}

}  // namespace reverse_proxy::test_support
