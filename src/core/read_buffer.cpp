#include "reverse_proxy/core/read_buffer.hpp"

#include <algorithm>
#include <cstring>

namespace reverse_proxy::core {

void ReadBuffer::clear() {
    if (scratch_.owner_ == this) scratch_.owner_ = nullptr;
    begin_ = end_ = nullptr;
    own_.reset();
}

void ReadBuffer::move_out() {
    if (empty()) return clear();
    auto const size = static_cast<std::size_t>(end_ - begin_);
    own_ = pool_.take(size);
    std::memcpy(own_.data(), begin_, size);
    begin_ = own_.data();
    end_ = begin_ + size;
    scratch_.owner_ = nullptr;
}

char* ReadBuffer::make_room(std::size_t bytes) {
    auto const size = static_cast<std::size_t>(end_ - begin_);
    if (own_.capacity() - size < bytes) {
        PooledBuffer larger = pool_.take(size + bytes);
        std::memcpy(larger.data(), begin_, size);
        own_ = std::move(larger);
    } else if (begin_ != own_.data()) {
        std::memmove(own_.data(), begin_, size);
    }
    begin_ = own_.data();
    end_ = begin_ + size;
    return end_;
}

IoResult ReadBuffer::fill(Socket& socket, std::size_t most) {
    char* space = nullptr;
    std::size_t room = std::min(most, Scratch::kSize);
    if (empty()) {
        clear();
        if (scratch_.owner_ != nullptr) scratch_.owner_->move_out();
        space = begin_ = end_ = scratch_.bytes_.get();
    } else if (scratch_.owner_ == this && end_ < scratch_.bytes_.get() + Scratch::kSize) {
        space = end_;
        room =
            std::min(room, static_cast<std::size_t>(scratch_.bytes_.get() + Scratch::kSize - end_));
    } else {
        if (scratch_.owner_ == this) move_out();
        // 16 KiB: what is added to bytes that are kept; a large read would make every partial
        // message a large buffer.
        room = std::min(room, std::size_t{16 * 1024});
        space = make_room(room);
    }
    IoResult const result = socket.read({space, room});
    if (result.status == IoResult::Status::ok) {
        end_ += result.bytes;
        if (space >= scratch_.bytes_.get() && space < scratch_.bytes_.get() + Scratch::kSize)
            scratch_.owner_ = this;
    } else {
        release();
    }
    return result;
}

}  // namespace reverse_proxy::core
