#include "reverse_proxy/platform/sockets.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string_view>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace reverse_proxy::platform {
namespace {

Transfer transfer(ssize_t result) {
    if (result < 0) return {0, errno};
    return {static_cast<std::size_t>(result), 0};
}

int flags(bool more) {
    return more ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
}

bool set_option(int descriptor, int level, int name, int value) {
    return ::setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

/// A non-blocking TCP socket of the address's family, or -1 and why.
int new_socket(sockaddr const& address, int& error) {
    int const descriptor =
        ::socket(address.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
    error = descriptor < 0 ? errno : 0;
    return descriptor;
}

void stay_within_host(int descriptor) {
    constexpr std::string_view kReno = "reno";  // always there, and allowed to everybody
    ::setsockopt(descriptor, IPPROTO_TCP, TCP_CONGESTION, kReno.data(), kReno.size());
}

}  // namespace

bool has_unix_sockets() {
    return true;
}

bool would_block(int error) {
    return error == EAGAIN || error == EINTR;
}

Transfer receive(int descriptor, std::span<char> space) {
    return transfer(::recv(descriptor, space.data(), space.size(), 0));
}

bool is_quiet(int descriptor) {
    char byte = 0;
    return ::recv(descriptor, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && errno == EAGAIN;
}

Transfer send(int descriptor, std::span<char const> bytes, bool more) {
    return transfer(::send(descriptor, bytes.data(), bytes.size(), flags(more)));
}

Transfer send(int descriptor, std::span<Piece const> pieces, bool more) {
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg does not write to it
    message.msg_iovlen = pieces.size();
    return transfer(::sendmsg(descriptor, &message, flags(more)));
}

bool short_send_fills() {
    return true;
}

int take_error(int descriptor) {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

std::size_t send_room(int descriptor) {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    if (::getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return 0;
    // TCP counts what is queued, a unix socket what is allocated.
    std::size_t const used =
        std::max(memory[SK_MEMINFO_WMEM_ALLOC], memory[SK_MEMINFO_WMEM_QUEUED]);
    std::size_t const limit = memory[SK_MEMINFO_SNDBUF];
    return used < limit ? (limit - used) / 2 : 0;
}

std::size_t unacknowledged(int descriptor) {
    int bytes = 0;
    return ::ioctl(descriptor, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

void close(int descriptor) {
    ::close(descriptor);
}

void reset_on_close(int descriptor) {
    linger const at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

void shutdown_send(int descriptor) {
    ::shutdown(descriptor, SHUT_WR);
}

int start_connect(void const* address, std::size_t size, bool within_host, int& error) {
    auto const* const to = static_cast<sockaddr const*>(address);
    int const descriptor = new_socket(*to, error);
    if (descriptor < 0) return -1;
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    if (within_host) stay_within_host(descriptor);
    if (::connect(descriptor, to, static_cast<socklen_t>(size)) == 0) return descriptor;
    error = errno;
    if (error == EINPROGRESS) return descriptor;
    ::close(descriptor);
    return -1;
}

bool share_port(int descriptor) {
    return set_option(descriptor, SOL_SOCKET, SO_REUSEPORT, 1);
}

int bind_listener(void const* address, std::size_t size, bool shared, bool within_host,
                  int& error) {
    auto const* const at = static_cast<sockaddr const*>(address);
    int const descriptor = new_socket(*at, error);
    if (descriptor < 0) return -1;
    set_option(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    if (at->sa_family == AF_INET6) set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, 1);
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY, 1);
    // One second: a connection is accepted with its first bytes, or without them after that time.
    set_option(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, 1);
    if (within_host) stay_within_host(descriptor);
    if ((!shared || share_port(descriptor)) &&
        ::bind(descriptor, at, static_cast<socklen_t>(size)) == 0)
        return descriptor;
    error = errno;
    ::close(descriptor);
    return -1;
}

int listen(int descriptor, int backlog) {
    return ::listen(descriptor, backlog) == 0 ? 0 : errno;
}

int local_address(int descriptor, void* address, unsigned& size) {
    return ::getsockname(descriptor, static_cast<sockaddr*>(address), &size) == 0 ? 0 : errno;
}

int hold_file(std::string const& path) {
    return ::open(path.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

bool is_held_file(int descriptor, std::string const& path) {
    struct stat held {};
    struct stat named {};
    // The number of a file that is held is given to no other.
    return descriptor >= 0 && ::fstat(descriptor, &held) == 0 &&
           ::lstat(path.c_str(), &named) == 0 && held.st_dev == named.st_dev &&
           held.st_ino == named.st_ino;
}

int duplicate(int descriptor, int& error) {
    int const copy = ::fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    error = copy < 0 ? errno : 0;
    return copy;
}

void refuse_new_connections(int descriptor) {
    // A classic BPF filter over the TCP header: drops segments with SYN and without ACK, lets all
    // others through.
    constexpr std::uint8_t kFlagsOffset = 13;
    constexpr std::uint32_t kSynAck = 0x12;
    constexpr std::uint32_t kSyn = 0x02;
    std::array<sock_filter, 5> program{{BPF_STMT(BPF_LD | BPF_B | BPF_ABS, kFlagsOffset),
                                        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, kSynAck),
                                        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kSyn, 0, 1),
                                        BPF_STMT(BPF_RET | BPF_K, 0),
                                        BPF_STMT(BPF_RET | BPF_K, 0xffffffff)}};
    sock_fprog const filter{static_cast<unsigned short>(program.size()), program.data()};
    ::setsockopt(descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter);
    set_option(descriptor, IPPROTO_TCP, TCP_DEFER_ACCEPT, 0);
}

int accept_connection(int descriptor, void* address, unsigned& address_size, int& error) {
    socklen_t size = address_size;
    int const accepted =
        ::accept4(descriptor, static_cast<sockaddr*>(address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    address_size = size;
    error = accepted < 0 ? errno : 0;
    return accepted;
}

}  // namespace reverse_proxy::platform
