#include "reverse_proxy/core/buffer_pool.hpp"

#include <bit>
#include <new>

namespace reverse_proxy::core {

std::size_t PooledBuffer::capacity() const {
    return data_ == nullptr ? 0 : BufferPool::kSmallest << size_class_;
}

void PooledBuffer::reset() {
    if (data_ == nullptr) return;
    pool_->free_[size_class_].push_back(std::exchange(data_, nullptr));
}

BufferPool::~BufferPool() {
    for (auto& list : free_) {
        for (char* block : list)
            ::operator delete(block);
    }
}

PooledBuffer BufferPool::take(std::size_t bytes) {
    std::size_t const rounded = bytes <= kSmallest ? kSmallest : std::bit_ceil(bytes);
    auto const size_class = static_cast<std::uint8_t>(std::countr_zero(rounded / kSmallest));
    if (size_class >= kClasses) throw std::bad_alloc{};
    auto& list = free_[size_class];
    if (list.empty()) return {*this, static_cast<char*>(::operator new(rounded)), size_class};
    char* const block = list.back();
    list.pop_back();
    return {*this, block, size_class};
}

void BufferPool::trim() noexcept {
    for (auto& list : free_) {
        for (std::size_t keep = list.size() / 2; list.size() > keep; list.pop_back()) {
            ::operator delete(list.back());
        }
    }
}

}  // namespace reverse_proxy::core
