#include "reverse_proxy/platform/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <limits>
#include <winsock2.h>
#include <ws2tcpip.h>

namespace reverse_proxy::platform {
namespace {

// Asio starts Winsock for the process (winsock_init), so nothing does here.

SOCKET socket_of(int descriptor) {
    return static_cast<SOCKET>(descriptor);
}

struct Meaning {
    int winsock;
    int error;
};

/// Those that somebody looks at; any other is EIO.
constexpr std::array kMeanings{Meaning{WSAEWOULDBLOCK, EAGAIN},
                               Meaning{WSAEINTR, EINTR},
                               Meaning{WSAECONNREFUSED, ECONNREFUSED},
                               Meaning{WSAECONNRESET, ECONNRESET},
                               Meaning{WSAECONNABORTED, ECONNABORTED},
                               Meaning{WSAETIMEDOUT, ETIMEDOUT},
                               Meaning{WSAENETUNREACH, ENETUNREACH},
                               Meaning{WSAEHOSTUNREACH, EHOSTUNREACH},
                               Meaning{WSAEADDRINUSE, EADDRINUSE},
                               Meaning{WSAEADDRNOTAVAIL, EADDRNOTAVAIL},
                               Meaning{WSAEACCES, EACCES},
                               Meaning{WSAEMFILE, EMFILE},
                               Meaning{WSAENOBUFS, ENOBUFS},
                               Meaning{WSAENOTCONN, ENOTCONN},
                               Meaning{WSAESHUTDOWN, EPIPE},
                               Meaning{WSAEINVAL, EINVAL}};

int error_of(int winsock) {
    if (winsock == 0) return 0;
    auto const* const found =
        std::find_if(kMeanings.begin(), kMeanings.end(),
                     [&](Meaning const& meaning) { return meaning.winsock == winsock; });
    return found == kMeanings.end() ? EIO : found->error;
}

int last_error() {
    return error_of(::WSAGetLastError());
}

int size_of(std::size_t bytes) {
    return static_cast<int>(
        std::min(bytes, static_cast<std::size_t>(std::numeric_limits<int>::max())));
}

Transfer transfer(int result) {
    if (result < 0) return {0, last_error()};
    return {static_cast<std::size_t>(result), 0};
}

template <typename Value> bool set_option(SOCKET socket, int level, int name, Value value) {
    return ::setsockopt(socket, level, name, reinterpret_cast<char const*>(&value), sizeof value) ==
           0;
}

bool make_non_blocking(SOCKET socket) {
    u_long on = 1;
    return ::ioctlsocket(socket, static_cast<long>(FIONBIO), &on) == 0;
}

/// A non-blocking TCP socket that no child process inherits, or -1 and why.
int new_socket(void const* address, int& error) {
    auto const family = static_cast<sockaddr const*>(address)->sa_family;
    SOCKET const socket = ::WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, nullptr, 0,
                                       WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (socket != INVALID_SOCKET && make_non_blocking(socket)) return static_cast<int>(socket);
    error = last_error();
    if (socket != INVALID_SOCKET) ::closesocket(socket);
    return -1;
}

}  // namespace

bool has_unix_sockets() {
    return false;
}

bool would_block(int error) {
    return error == EAGAIN || error == EINTR;
}

Transfer receive(int descriptor, std::span<char> space) {
    return transfer(::recv(socket_of(descriptor), space.data(), size_of(space.size()), 0));
}

bool is_quiet(int descriptor) {
    char byte = 0;
    return ::recv(socket_of(descriptor), &byte, 1, MSG_PEEK) < 0 && last_error() == EAGAIN;
}

Transfer send(int descriptor, std::span<char const> bytes, bool /*more*/) {
    return transfer(::send(socket_of(descriptor), bytes.data(), size_of(bytes.size()), 0));
}

Transfer send(int descriptor, std::span<Piece const> pieces, bool /*more*/) {
    std::array<WSABUF, 64> buffers;
    std::size_t const count = std::min(pieces.size(), buffers.size());
    for (std::size_t i = 0; i < count; ++i) {
        buffers[i].len = static_cast<ULONG>(pieces[i].iov_len);
        buffers[i].buf = static_cast<char*>(pieces[i].iov_base);
    }
    DWORD sent = 0;
    if (::WSASend(socket_of(descriptor), buffers.data(), static_cast<DWORD>(count), &sent, 0,
                  nullptr, nullptr) != 0)
        return {0, last_error()};
    return {sent, 0};
}

/// FD_WRITE comes after a send that would have blocked, and only then (WSAEventSelect).
bool short_send_fills() {
    return false;
}

int take_error(int descriptor) {
    int error = 0;
    int size = sizeof error;
    if (::getsockopt(socket_of(descriptor), SOL_SOCKET, SO_ERROR, reinterpret_cast<char*>(&error),
                     &size) != 0)
        return last_error();
    return error_of(error);
}

/// Winsock does not say; what it takes beyond its buffer it keeps itself.
std::size_t send_room(int /*descriptor*/) {
    return std::size_t{64} * 1024;
}

std::size_t unacknowledged(int /*descriptor*/) {
    return 0;
}

void close(int descriptor) {
    ::closesocket(socket_of(descriptor));
}

void reset_on_close(int descriptor) {
    set_option(socket_of(descriptor), SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
}

void shutdown_send(int descriptor) {
    ::shutdown(socket_of(descriptor), SD_SEND);
}

int start_connect(void const* address, std::size_t size, bool /*within_host*/, int& error) {
    int const descriptor = new_socket(address, error);
    if (descriptor < 0) return -1;
    SOCKET const socket = socket_of(descriptor);
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    error = 0;
    if (::connect(socket, static_cast<sockaddr const*>(address), size_of(size)) == 0)
        return descriptor;
    error = last_error();
    if (error == EAGAIN) {
        error = EINPROGRESS;
        return descriptor;
    }
    ::closesocket(socket);
    return -1;
}

bool share_port(int /*descriptor*/) {
    return false;
}

int bind_listener(void const* address, std::size_t size, bool /*shared*/, bool /*within_host*/,
                  int& error) {
    int const descriptor = new_socket(address, error);
    if (descriptor < 0) return -1;
    SOCKET const socket = socket_of(descriptor);
    // SO_REUSEADDR would let others take the port of a living process here.
    set_option(socket, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    auto const* const at = static_cast<sockaddr const*>(address);
    if (at->sa_family == AF_INET6) set_option(socket, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    if (::bind(socket, at, size_of(size)) == 0) return descriptor;
    error = last_error();
    ::closesocket(socket);
    return -1;
}

int listen(int descriptor, int backlog) {
    return ::listen(socket_of(descriptor), backlog) == 0 ? 0 : last_error();
}

int local_address(int descriptor, void* address, unsigned& size) {
    int bytes = static_cast<int>(size);
    if (::getsockname(socket_of(descriptor), static_cast<sockaddr*>(address), &bytes) != 0)
        return last_error();
    size = static_cast<unsigned>(bytes);
    return 0;
}

int hold_file(std::string const& /*path*/) {
    return -1;
}

bool is_held_file(int /*descriptor*/, std::string const& /*path*/) {
    return false;
}

/// A socket that workers would share reports its events to one of them alone.
int duplicate(int /*descriptor*/, int& error) {
    error = EINVAL;
    return -1;
}

void refuse_new_connections(int /*descriptor*/) {}

int accept_connection(int descriptor, void* address, unsigned& address_size, int& error) {
    int size = static_cast<int>(address_size);
    SOCKET const accepted = ::accept(socket_of(descriptor), static_cast<sockaddr*>(address), &size);
    if (accepted == INVALID_SOCKET) {
        error = last_error();
        return -1;
    }
    // It inherits the listener's events, which would be reported in its name.
    ::WSAEventSelect(accepted, nullptr, 0);
    make_non_blocking(accepted);
    address_size = static_cast<unsigned>(size);
    error = 0;
    return static_cast<int>(accepted);
}

}  // namespace reverse_proxy::platform
