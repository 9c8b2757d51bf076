#pragma once

#include "reverse_proxy/core/buffer_pool.hpp"
#include "reverse_proxy/core/reactor.hpp"

#include <cstddef>
#include <memory>
#include <string_view>

namespace reverse_proxy::core {

class ReadBuffer;

/// The one buffer of a worker that sockets are read into (128 KiB), so that no connection holds one
/// while it waits.
class Scratch {
public:
    static constexpr std::size_t kSize = 128 * 1024;

private:
    friend class ReadBuffer;
    std::unique_ptr<char[]> bytes_{new char[kSize]};
    ReadBuffer* owner_{nullptr};  // whose unread bytes lie here
};

/// Bytes that were received on one connection and not used yet.
///
/// They lie in the worker's scratch buffer for as long as nobody else needs it; then they move to a
/// buffer of their own from the pool. So most of the time nothing is copied, and a connection
/// without unread bytes holds no memory. Slices of data() stay valid until the next fill() of any
/// connection of the worker, that is, until something suspends.
class ReadBuffer {
public:
    /// A read of which content may be part before anybody knows whether it can be passed on: 64
    /// KiB, which many origins write at a time, and their head. The kernel's send buffer of a
    /// fresh connection takes them (87 KB with segments of 1460 bytes).
    static constexpr std::size_t kFirstRead = 72 * 1024;

    ReadBuffer(Scratch& scratch, BufferPool& pool) : scratch_{scratch}, pool_{pool} {}
    ReadBuffer(ReadBuffer const&) = delete;
    ReadBuffer& operator=(ReadBuffer const&) = delete;
    ~ReadBuffer() { clear(); }

    [[nodiscard]] std::string_view data() const {
        return {begin_, static_cast<std::size_t>(end_ - begin_)};
    }
    [[nodiscard]] bool empty() const { return begin_ == end_; }
    /// The bytes stay where they are, so that slices of them may still be sent, until the next
    /// fill() or release().
    void consume(std::size_t bytes) { begin_ += bytes; }
    /// Gives the memory back if nothing is unread; call before a long wait.
    void release() {
        if (empty()) clear();
    }
    void clear();

    /// One read of at most `most` bytes, added behind the unread ones. The caller bounds
    /// data().size().
    IoResult fill(Socket& socket, std::size_t most = Scratch::kSize);

private:
    void move_out();
    char* make_room(std::size_t bytes);

    Scratch& scratch_;
    BufferPool& pool_;
    char* begin_{nullptr};
    char* end_{nullptr};
    PooledBuffer own_;
};

}  // namespace reverse_proxy::core
