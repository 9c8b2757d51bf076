#pragma once

#include "reverse_proxy/core/block_pool.hpp"

#include <array>
#include <cstddef>
#include <utility>

namespace reverse_proxy::core {

/// A block of memory on loan from a worker's pool; goes back when it dies.
class PooledBuffer {
public:
    PooledBuffer() = default;
    PooledBuffer(PooledBuffer&& other) noexcept
        : pool_{other.pool_}, data_{std::exchange(other.data_, nullptr)} {}
    PooledBuffer& operator=(PooledBuffer&& other) noexcept {
        if (this != &other) {
            reset();
            pool_ = other.pool_;
            data_ = std::exchange(other.data_, nullptr);
        }
        return *this;
    }
    PooledBuffer(PooledBuffer const&) = delete;
    PooledBuffer& operator=(PooledBuffer const&) = delete;
    ~PooledBuffer() { reset(); }

    [[nodiscard]] char* data() const { return data_; }
    [[nodiscard]] std::size_t capacity() const {
        return data_ == nullptr ? 0 : pool_->block_bytes();
    }
    explicit operator bool() const { return data_ != nullptr; }
    void reset() {
        if (data_ != nullptr) give_back();
    }

private:
    friend class BufferPool;
    void give_back();
    PooledBuffer(BlockPool& pool, char* data) : pool_{&pool}, data_{data} {}

    BlockPool* pool_{nullptr};
    char* data_{nullptr};
};

/// Recycles byte buffers in classes of powers of two from 512 bytes. Owned by one worker; not
/// shared.
class BufferPool {
public:
    BufferPool();
    ~BufferPool();
    BufferPool(BufferPool const&) = delete;
    BufferPool& operator=(BufferPool const&) = delete;

    /// A buffer of at least `bytes` (up to 1 GiB).
    PooledBuffer take(std::size_t bytes);
    /// Gives back what nobody has taken since the last call (BlockPool::trim).
    void trim() noexcept;

private:
    static constexpr std::size_t kSmallest = 512;
    static constexpr std::size_t kClasses = 22;

    std::array<BlockPool, kClasses> classes_;
};

}  // namespace reverse_proxy::core
