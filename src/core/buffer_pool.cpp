#include "reverse_proxy/core/buffer_pool.hpp"

#include <bit>
#include <new>
#include <utility>

namespace reverse_proxy::core {

void PooledBuffer::give_back() {
    pool_->give(std::exchange(data_, nullptr));
}

BufferPool::BufferPool()
    : classes_{block_pools<kClasses>([](std::size_t index) { return kSmallest << index; })} {}

BufferPool::~BufferPool() {
    for (BlockPool& blocks : classes_)
        blocks.clear();
}

PooledBuffer BufferPool::take(std::size_t bytes) {
    std::size_t const rounded = bytes <= kSmallest ? kSmallest : std::bit_ceil(bytes);
    auto const index = static_cast<std::size_t>(std::countr_zero(rounded / kSmallest));
    if (index >= kClasses) throw std::bad_alloc{};
    BlockPool& blocks = classes_[index];
    return {blocks, static_cast<char*>(blocks.take())};
}

void BufferPool::trim() noexcept {
    for (BlockPool& blocks : classes_)
        blocks.trim();
}

}  // namespace reverse_proxy::core
