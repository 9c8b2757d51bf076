#include "reverse_proxy/core/pipe.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <unistd.h>

namespace reverse_proxy::core {
namespace {

IoResult moved(ssize_t result) {
    if (result > 0) return {IoResult::Status::ok, static_cast<std::size_t>(result), 0};
    if (result == 0) return {IoResult::Status::end_of_stream, 0, 0};
    if (errno == EAGAIN || errno == EINTR) return {IoResult::Status::would_block, 0, 0};
    return {IoResult::Status::failed, 0, errno};
}

ssize_t splice(int from, int to, std::size_t bytes) {
    return ::splice(from, nullptr, to, nullptr, bytes, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

}  // namespace

Pipe& Pipe::operator=(Pipe&& other) noexcept {
    if (this != &other) {
        reset();
        pool_ = std::exchange(other.pool_, nullptr);
        read_end_ = other.read_end_;
        write_end_ = other.write_end_;
        held_ = std::exchange(other.held_, 0);
    }
    return *this;
}

void Pipe::reset() {
    if (pool_ == nullptr) return;
    PipePool& pool = *std::exchange(pool_, nullptr);
    if (held_ == 0) {
        pool.free_.push_back({read_end_, write_end_});
        return;
    }
    held_ = 0;
    PipePool::close({read_end_, write_end_});
    --pool.open_;
}

IoResult Pipe::fill(Socket& from, std::size_t most) {
    IoResult const result =
        moved(splice(from.descriptor(), write_end_, std::min(most, PipePool::kPipeBytes)));
    held_ += result.bytes;
    // A short read says nothing here: the pipe's slots may have run out before the socket's bytes.
    if (result.status == IoResult::Status::would_block) from.not_ready(kReadable);
    return result;
}

IoResult Pipe::drain(Socket& to) {
    IoResult const result = moved(splice(read_end_, to.descriptor(), held_));
    held_ -= result.bytes;
    if (result.status == IoResult::Status::would_block) to.not_ready(kWritable);
    return result;
}

PipePool::~PipePool() {
    for (Ends const& ends : free_)
        close(ends);
}

void PipePool::close(Ends const& ends) noexcept {
    ::close(ends.read_end);
    ::close(ends.write_end);
}

Pipe PipePool::take() {
    if (!free_.empty()) {
        Ends const ends = free_.back();
        free_.pop_back();
        return {*this, ends.read_end, ends.write_end};
    }
    int ends[2];
    if (open_ >= kMostPipes || ::pipe2(ends, O_NONBLOCK | O_CLOEXEC) != 0) return {};
    // Fails past the user's share of pipe memory (pipe(7), pipe-user-pages-soft): such a pipe is
    // small, and works all the same.
    ::fcntl(ends[1], F_SETPIPE_SZ, static_cast<int>(kPipeBytes));
    free_.reserve(++open_);
    return {*this, ends[0], ends[1]};
}

void PipePool::trim() noexcept {
    for (std::size_t keep = free_.size() / 2; free_.size() > keep; free_.pop_back(), --open_)
        close(free_.back());
}

}  // namespace reverse_proxy::core
