#include "reverse_proxy/core/pipe.hpp"

#include <algorithm>

namespace reverse_proxy::core {
namespace {

IoResult moved(platform::Transfer transfer) {
    if (transfer.bytes > 0) return {IoResult::Status::ok, transfer.bytes, 0};
    if (transfer.error == 0) return {IoResult::Status::end_of_stream, 0, 0};
    if (platform::would_block(transfer.error)) return {IoResult::Status::would_block, 0, 0};
    return {IoResult::Status::failed, 0, transfer.error};
}

}  // namespace

Pipe& Pipe::operator=(Pipe&& other) noexcept {
    if (this != &other) {
        reset();
        pool_ = std::exchange(other.pool_, nullptr);
        ends_ = other.ends_;
        held_ = std::exchange(other.held_, 0);
    }
    return *this;
}

void Pipe::reset() {
    if (pool_ == nullptr) return;
    PipePool& pool = *std::exchange(pool_, nullptr);
    if (held_ == 0) {
        pool.free_.push_back(ends_);
        return;
    }
    held_ = 0;
    platform::close_pipe(ends_);
    --pool.open_;
}

IoResult Pipe::fill(Socket& from, std::size_t most) {
    IoResult const result = moved(
        platform::splice(from.descriptor(), ends_.write_end, std::min(most, PipePool::kPipeBytes)));
    held_ += result.bytes;
    // A short read says nothing here: the pipe's slots may have run out before the socket's bytes.
    if (result.status == IoResult::Status::would_block) from.not_ready(kReadable);
    return result;
}

IoResult Pipe::drain(Socket& to) {
    IoResult const result = moved(platform::splice(ends_.read_end, to.descriptor(), held_));
    held_ -= result.bytes;
    if (result.status == IoResult::Status::would_block) to.not_ready(kWritable);
    return result;
}

PipePool::~PipePool() {
    for (platform::PipeEnds const& ends : free_)
        platform::close_pipe(ends);
}

Pipe PipePool::take() {
    if (!free_.empty()) {
        platform::PipeEnds const ends = free_.back();
        free_.pop_back();
        return {*this, ends};
    }
    platform::PipeEnds ends{};
    if (open_ >= kMostPipes || !platform::make_pipe(ends, kPipeBytes)) return {};
    free_.reserve(++open_);
    return {*this, ends};
}

void PipePool::trim() noexcept {
    for (std::size_t keep = free_.size() / 2; free_.size() > keep; free_.pop_back(), --open_)
        platform::close_pipe(free_.back());
}

}  // namespace reverse_proxy::core
