#include "tests/support/socket.hpp"

#include "tests/support/os.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>
#include <variant>

namespace reverse_proxy::test_support {
namespace {

[[noreturn]] void fail(char const* what, int error) {
    throw std::runtime_error{std::string{what} + ": " + std::strerror(error)};
}

[[noreturn]] void fail(char const* what) {
    fail(what, os::last_error());
}

/// @return false where the deadline passed
bool wait_for(int fd, os::Event event, Deadline deadline) {
    os::Awaited awaited{fd, event};
    return os::wait({&awaited, 1}, std::chrono::duration_cast<std::chrono::milliseconds>(
                                       deadline - std::chrono::steady_clock::now()));
}

/// After a failed call: throws unless it would have had to wait.
void check_later(std::string const& call) {
    int const error = os::last_error();
    if (error == ECONNRESET || error == EPIPE || error == ENOTCONN)
        throw PeerClosed{"reset in " + call};
    if (error != EAGAIN && error != EINTR) fail(call.c_str(), error);
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
    int const fd = os::new_socket(family);
    if (fd < 0) fail("socket");
    os::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    if (options.receive_buffer_bytes > 0) {
        os::set_option(fd, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
    }
    if (options.send_buffer_bytes > 0) {
        os::set_option(fd, SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes);
    }
#ifdef TCP_MAXSEG
    if (options.segment_bytes > 0)
        os::set_option(fd, IPPROTO_TCP, TCP_MAXSEG, options.segment_bytes);
#endif
    return fd;
}

void finish_connect(int fd, int result) {
    if (result == 0) return;
    int const begun = os::last_error();
    // EAGAIN is what Windows calls it.
    if (begun != EINPROGRESS && begun != EAGAIN) fail("connect", begun);
    if (!wait_for(fd, os::Event::writable, within())) throw TimedOut{"connect"};
    if (int const error = os::connect_error(fd); error != 0) fail("connect", error);
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
    Socket socket{os::new_socket(AF_UNIX)};
    if (!socket.is_open()) fail("socket");
    finish_connect(socket.fd_, os::connect_unix(socket.fd_, path));
    return socket;
}

Socket Socket::listen_tcp(std::string const& text, std::uint16_t port,
                          SocketOptions const& options) {
    auto const address = address_of(text, port);
    Socket socket{new_tcp_socket(address, options)};
    os::own_port(socket.fd_);
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
        if (auto const sent = os::send(fd_, bytes)) {
            bytes.remove_prefix(*sent);
            continue;
        }
        check_later("send");
        if (!wait_for(fd_, os::Event::writable, deadline)) throw TimedOut{"send"};
    }
}

std::size_t Socket::send_some(std::string_view bytes, std::chrono::milliseconds patience) {
    for (;;) {
        if (auto const sent = os::send(fd_, bytes)) return *sent;
        check_later("send");
        if (!wait_for(fd_, os::Event::writable, within(patience))) return 0;
    }
}

std::size_t Socket::receive(char* out, std::size_t size, Deadline deadline) {
    for (;;) {
        if (auto const received = os::receive(fd_, {out, size})) return *received;
        check_later("receive");
        if (!wait_for(fd_, os::Event::readable, deadline)) throw TimedOut{"receive"};
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
    os::finish(fd_);
}

void Socket::reset() {
    if (fd_ >= 0) os::close_by_reset(std::exchange(fd_, -1));
}

void Socket::close() {
    if (fd_ >= 0) os::close(std::exchange(fd_, -1));
}

void Socket::interrupt() {
    if (fd_ >= 0) os::interrupt(fd_);
}

}  // namespace reverse_proxy::test_support
