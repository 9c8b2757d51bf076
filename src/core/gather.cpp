#include "reverse_proxy/core/gather.hpp"

#include <algorithm>
#include <cstring>

namespace reverse_proxy::core {

Flow Outbox::flush(Socket& socket) {
    while (!empty()) {
        if (!socket.ready(kWritable)) return Flow::blocked;
        IoResult const result = socket.write(std::span{buffer_.data() + begin_, size()});
        if (result.status == IoResult::Status::failed) return Flow::broken;
        begin_ += result.bytes;
    }
    clear();
    return Flow::done;
}

void Outbox::append(std::string_view bytes, BufferPool& pool) {
    if (bytes.empty()) return;
    if (buffer_.capacity() - end_ < bytes.size()) {
        PooledBuffer larger = pool.take(size() + bytes.size());
        if (!empty()) std::memcpy(larger.data(), buffer_.data() + begin_, size());
        end_ = size();
        begin_ = 0;
        buffer_ = std::move(larger);
    }
    std::memcpy(buffer_.data() + end_, bytes.data(), bytes.size());
    end_ += bytes.size();
}

void Outbox::clear() {
    begin_ = end_ = 0;
    buffer_.reset();
}

Gather::Gather() : text_{32 * 1024} {}

void Gather::content(std::string_view bytes) {
    if (bytes.size() <= kCopyLimit || size_ == kMostPieces) {
        text_.append(bytes);
    } else {
        pieces_[size_++] = {text_.size(), bytes};
    }
}

std::size_t Gather::list(std::array<platform::Piece, 2 * kMostPieces + 1>& pieces) const {
    std::size_t count = 0;
    std::size_t text_used = 0;
    auto const add = [&](std::string_view bytes) {
        if (!bytes.empty()) pieces[count++] = {const_cast<char*>(bytes.data()), bytes.size()};
    };
    for (std::size_t i = 0; i < size_; ++i) {
        add(text_.view().substr(text_used, pieces_[i].text_before - text_used));
        add(pieces_[i].bytes);
        text_used = pieces_[i].text_before;
    }
    add(text_.view().substr(text_used));
    return count;
}

Flow Gather::send(Socket& socket, Outbox& outbox, BufferPool& pool, Push push) {
    std::array<platform::Piece, 2 * kMostPieces + 1> pieces;
    std::size_t const count = list(pieces);
    std::size_t sent = 0;
    Flow flow = outbox.flush(socket);
    if (flow == Flow::done && count > 0 && socket.ready(kWritable)) {
        IoResult const result =
            count == 1 ? socket.write(std::span{static_cast<char const*>(pieces[0].iov_base),
                                                pieces[0].iov_len},
                                      push)
                       : socket.write(std::span{pieces.data(), count}, push);
        if (result.status == IoResult::Status::failed) flow = Flow::broken;
        sent = result.bytes;
    }
    for (std::size_t i = 0; i < count && flow != Flow::broken; ++i) {
        std::size_t const skip = std::min(sent, pieces[i].iov_len);
        sent -= skip;
        if (skip == pieces[i].iov_len) continue;
        outbox.append(
            {static_cast<char const*>(pieces[i].iov_base) + skip, pieces[i].iov_len - skip}, pool);
        flow = Flow::blocked;
    }
    text_.clear();
    size_ = 0;
    return flow;
}

}  // namespace reverse_proxy::core
