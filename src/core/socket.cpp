#include "reverse_proxy/core/reactor.hpp"

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
    platform::close(std::exchange(descriptor_, -1));
}

void Socket::reset() {
    if (descriptor_ < 0) return;
    platform::reset_on_close(descriptor_);
    close();
}

void Socket::shutdown_send() {
    if (descriptor_ >= 0) platform::shutdown_send(descriptor_);
}

IoResult Socket::read(std::span<char> space) {
    auto const [bytes, error] = platform::receive(descriptor_, space);
    if (bytes > 0) {
        // A short read emptied the socket; what comes later raises a new edge. A FIN that was
        // reported together with the data does not, so the flag stays where the peer has hung up
        // (epoll(7), Q9).
        if (bytes < space.size() && !hung_up()) not_ready(kReadable);
        return {IoResult::Status::ok, bytes, 0};
    }
    if (error == 0) return {IoResult::Status::end_of_stream, 0, 0};
    if (platform::would_block(error)) {
        not_ready(kReadable);
        return {IoResult::Status::would_block, 0, 0};
    }
    return {IoResult::Status::failed, 0, error};
}

IoResult Socket::written(platform::Transfer sent, std::size_t wanted) {
    if (sent.error == 0) {
        if (sent.bytes < wanted && platform::short_send_fills()) not_ready(kWritable);
        return {IoResult::Status::ok, sent.bytes, 0};
    }
    if (platform::would_block(sent.error)) {
        not_ready(kWritable);
        return {IoResult::Status::would_block, 0, 0};
    }
    return {IoResult::Status::failed, 0, sent.error};
}

IoResult Socket::write(std::span<platform::Piece const> pieces, Push push) {
    std::size_t wanted = 0;
    for (platform::Piece const& piece : pieces)
        wanted += piece.iov_len;
    return written(platform::send(descriptor_, pieces, push == Push::with_end), wanted);
}

IoResult Socket::write(std::span<char const> bytes, Push push) {
    return written(platform::send(descriptor_, bytes, push == Push::with_end), bytes.size());
}

bool Socket::quiet() {
    if (!platform::is_quiet(descriptor_)) return false;
    not_ready(kReadable);
    return true;
}

void Socket::cancel_wait() {
    if (waiter_ != nullptr) waiter_->wake(Wake::cancelled);
}

}  // namespace reverse_proxy::core
