#include "reverse_proxy/core/buffer_pool.hpp"

#include <bit>
#include <new>
#include <utility>

namespace reverse_proxy::core {

namespace {

template <std::size_t... Index>
constexpr std::array<BlockPool, sizeof...(Index)>
powers_of_two(std::size_t smallest, std::index_sequence<Index...> /*classes*/) {
    return {BlockPool{smallest << Index}...};
}

}  // namespace

void PooledBuffer::give_back() {
    pool_->give(std::exchange(data_, nullptr));
}

BufferPool::BufferPool()
    : classes_{powers_of_two(kSmallest, std::make_index_sequence<kClasses>{})} {}

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
