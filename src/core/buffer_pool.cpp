#include "reverse_proxy/core/buffer_pool.hpp"

#include <bit>
#include <new>

namespace reverse_proxy::core {

std::size_t PooledBuffer::capacity() const {
    return data_ == nullptr ? 0 : BufferPool::kSmallest << size_class_;
}

void PooledBuffer::give_back() {
    FreeList& list = pool_->free_[size_class_];
    list.push(std::exchange(data_, nullptr));
    if (!kRecycleMemory) list.shrink(0);
}

BufferPool::~BufferPool() {
    for (FreeList& list : free_)
        list.shrink(0);
}

PooledBuffer BufferPool::take(std::size_t bytes) {
    std::size_t const rounded = bytes <= kSmallest ? kSmallest : std::bit_ceil(bytes);
    auto const size_class = static_cast<std::uint8_t>(std::countr_zero(rounded / kSmallest));
    if (size_class >= kClasses) throw std::bad_alloc{};
    FreeList& list = free_[size_class];
    void* const block = list.empty() ? ::operator new(rounded) : list.pop();
    return {*this, static_cast<char*>(block), size_class};
}

void BufferPool::trim() noexcept {
    for (FreeList& list : free_)
        list.halve();
}

}  // namespace reverse_proxy::core
