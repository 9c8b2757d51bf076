#pragma once

#include "reverse_proxy/core/free_list.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace reverse_proxy::core {

class BufferPool;

/// A block of memory on loan from a worker's pool; goes back when it dies.
class PooledBuffer {
public:
    PooledBuffer() = default;
    PooledBuffer(PooledBuffer&& other) noexcept
        : pool_{std::exchange(other.pool_, nullptr)}, data_{std::exchange(other.data_, nullptr)},
          size_class_{other.size_class_} {}
    PooledBuffer& operator=(PooledBuffer&& other) noexcept {
        if (this != &other) {
            reset();
            pool_ = std::exchange(other.pool_, nullptr);
            data_ = std::exchange(other.data_, nullptr);
            size_class_ = other.size_class_;
        }
        return *this;
    }
    PooledBuffer(PooledBuffer const&) = delete;
    PooledBuffer& operator=(PooledBuffer const&) = delete;
    ~PooledBuffer() { reset(); }

    [[nodiscard]] char* data() const { return data_; }
    [[nodiscard]] std::size_t capacity() const;
    explicit operator bool() const { return data_ != nullptr; }
    void reset() {
        if (data_ != nullptr) give_back();
    }

private:
    friend class BufferPool;
    void give_back();
    PooledBuffer(BufferPool& pool, char* data, std::uint8_t size_class)
        : pool_{&pool}, data_{data}, size_class_{size_class} {}

    BufferPool* pool_{nullptr};
    char* data_{nullptr};
    std::uint8_t size_class_{0};
};

/// Recycles byte buffers in classes of powers of two from 512 bytes. Owned by one worker; not
/// shared.
class BufferPool {
public:
    BufferPool() = default;
    ~BufferPool();
    BufferPool(BufferPool const&) = delete;
    BufferPool& operator=(BufferPool const&) = delete;

    /// A buffer of at least `bytes` (up to 1 GiB).
    PooledBuffer take(std::size_t bytes);
    /// Gives half of what lies free back to the heap.
    void trim() noexcept;

private:
    friend class PooledBuffer;
    static constexpr std::size_t kSmallest = 512;
    static constexpr std::size_t kClasses = 22;

    std::array<FreeList, kClasses> free_;
};

}  // namespace reverse_proxy::core
