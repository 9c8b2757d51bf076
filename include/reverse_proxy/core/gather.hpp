#pragma once

#include "reverse_proxy/core/buffer_pool.hpp"
#include "reverse_proxy/core/reactor.hpp"
#include "reverse_proxy/core/text.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace reverse_proxy::core {

/// Result of sending: all handed to the kernel, some of it still waiting here, or the connection is
/// broken.
enum class Flow : std::uint8_t { done, blocked, broken };

/// Bytes that a socket would not take yet. Empty, and without memory, almost always.
class Outbox {
public:
    [[nodiscard]] bool empty() const { return begin_ == end_; }
    [[nodiscard]] std::size_t size() const { return end_ - begin_; }
    /// Tries again to send what waits.
    Flow flush(Socket& socket);
    void append(std::string_view bytes, BufferPool& pool);
    void clear();

private:
    PooledBuffer buffer_;
    std::size_t begin_{0};
    std::size_t end_{0};
};

/// Collects the pieces of one send: texts are copied together, large contents are only referred to.
///
/// One per worker, for all connections in turn: fill it and send() in one go, nothing suspends in
/// between.
class Gather {
public:
    /// Up to this size a piece is copied next to the texts, so that one contiguous buffer is sent:
    /// the kernel checks and walks every piece of a gathered send.
    static constexpr std::size_t kCopyLimit = 4096;
    /// Pieces that are referred to; past it they are copied.
    static constexpr std::size_t kMostPieces = 16;

    Gather();
    /// The text under construction; append to it directly.
    [[nodiscard]] Text& text() { return text_; }
    /// Adds content: copied where small, else referred to, and then it must stay where it is until
    /// send().
    void content(std::string_view bytes);
    [[nodiscard]] bool empty() const { return text_.empty() && size_ == 0; }
    /// Sends all that was collected, behind what waits in the outbox, and starts anew.
    Flow send(Socket& socket, Outbox& outbox, BufferPool& pool, Push push = Push::now);

private:
    struct Piece {
        std::size_t text_before;  // bytes of the text that go out before it
        std::string_view bytes;
    };
    std::size_t list(std::array<platform::Piece, 2 * kMostPieces + 1>& pieces) const;

    Text text_;
    std::array<Piece, kMostPieces> pieces_;
    std::size_t size_{0};
};

}  // namespace reverse_proxy::core
