#include "reverse_proxy/core/reactor.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utility>

namespace reverse_proxy::core {

void Socket::open(Reactor& reactor, int descriptor, Readiness ready) {
    descriptor_ = descriptor;
    ready_ = ready;
    reactor_ = &reactor;
    reactor.add(*this);
}

void Socket::close() {
    if (descriptor_ < 0) return;
    if (waiter_ != nullptr) waiter_->stop();
    reactor_->forget(*this);
    ::close(std::exchange(descriptor_, -1));
}

void Socket::reset() {
    if (descriptor_ < 0) return;
    linger const at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close();
}

void Socket::shutdown_send() {
    if (descriptor_ >= 0) ::shutdown(descriptor_, SHUT_WR);
}

IoResult Socket::read(std::span<char> space) {
    ssize_t const got = ::recv(descriptor_, space.data(), space.size(), 0);
    if (got > 0) {
        auto const bytes = static_cast<std::size_t>(got);
        // A short read emptied the socket; what comes later raises a new edge. A FIN that was
        // reported together with the data does not, so the flag stays where the peer has hung up
        // (epoll(7), Q9).
        if (bytes < space.size() && !hung_up()) not_ready(kReadable);
        return {IoResult::Status::ok, bytes, 0};
    }
    if (got == 0) return {IoResult::Status::end_of_stream, 0, 0};
    if (errno == EAGAIN || errno == EINTR) {
        not_ready(kReadable);
        return {IoResult::Status::would_block, 0, 0};
    }
    return {IoResult::Status::failed, 0, errno};
}

IoResult Socket::written(ssize_t result, std::size_t wanted) {
    if (result >= 0) {
        auto const bytes = static_cast<std::size_t>(result);
        if (bytes < wanted) not_ready(kWritable);
        return {IoResult::Status::ok, bytes, 0};
    }
    if (errno == EAGAIN || errno == EINTR) {
        not_ready(kWritable);
        return {IoResult::Status::would_block, 0, 0};
    }
    return {IoResult::Status::failed, 0, errno};
}

namespace {

int flags(Push push) {
    return push == Push::with_end ? MSG_NOSIGNAL | MSG_MORE : MSG_NOSIGNAL;
}

}  // namespace

IoResult Socket::write(std::span<iovec const> pieces, Push push) {
    std::size_t wanted = 0;
    for (iovec const& piece : pieces)
        wanted += piece.iov_len;
    msghdr message{};
    message.msg_iov = const_cast<iovec*>(pieces.data());  // sendmsg does not write to it
    message.msg_iovlen = pieces.size();
    return written(::sendmsg(descriptor_, &message, flags(push)), wanted);
}

IoResult Socket::write(std::span<char const> bytes, Push push) {
    return written(::send(descriptor_, bytes.data(), bytes.size(), flags(push)), bytes.size());
}

int Socket::take_error() const {
    int error = 0;
    socklen_t size = sizeof error;
    if (::getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
    return error;
}

std::size_t Socket::send_room() const {
    std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
    socklen_t size = sizeof memory;
    if (::getsockopt(descriptor_, SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return 0;
    // TCP counts what is queued, a unix socket what is allocated.
    std::size_t const used =
        std::max(memory[SK_MEMINFO_WMEM_ALLOC], memory[SK_MEMINFO_WMEM_QUEUED]);
    std::size_t const limit = memory[SK_MEMINFO_SNDBUF];
    return used < limit ? (limit - used) / 2 : 0;
}

std::size_t Socket::unacknowledged() const {
    int bytes = 0;
    return ::ioctl(descriptor_, SIOCOUTQ, &bytes) == 0 ? static_cast<std::size_t>(bytes) : 0;
}

bool Socket::quiet() {
    char byte = 0;
    ssize_t const got = ::recv(descriptor_, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    if (got >= 0 || errno != EAGAIN) return false;
    not_ready(kReadable);
    return true;
}

void Socket::cancel_wait() {
    if (waiter_ != nullptr) waiter_->wake(Wake::cancelled);
}

}  // namespace reverse_proxy::core
