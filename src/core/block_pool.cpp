#include "reverse_proxy/core/block_pool.hpp"

#include "reverse_proxy/platform/memory.hpp"

#include <cstdint>
#include <utility>

namespace reverse_proxy::core {

/// At the start of its memory, found from a block by the address alone.
struct BlockPool::Slab {
    static constexpr std::size_t kHeaderBytes = 64;

    std::size_t cut{0};   // blocks that were ever handed out; 0: about to go
    std::size_t free{0};  // of these, for trim() to count
};

BlockPool::Slab& BlockPool::slab_of(Block* block) {
    auto const into_slab = reinterpret_cast<std::uintptr_t>(block) % platform::kSlabBytes;
    return *reinterpret_cast<Slab*>(reinterpret_cast<char*>(block) - into_slab);
}

void* BlockPool::take_new() {
    if (!kRecycleMemory || block_bytes_ > kLargestInSlab) return ::operator new(block_bytes_);
    static_assert(sizeof(Slab) <= Slab::kHeaderBytes);
    std::size_t const room = (platform::kSlabBytes - Slab::kHeaderBytes) / block_bytes_;
    if (newest_ == nullptr || newest_->cut == room) newest_ = new (platform::map_slab()) Slab;
    return reinterpret_cast<char*>(newest_) + Slab::kHeaderBytes + block_bytes_ * newest_->cut++;
}

void BlockPool::trim() noexcept {
    if (unused_ > pinned_) give_back(unused_);
    unused_ = size_;
}

void BlockPool::clear() noexcept {
    give_back(size_);
    unused_ = size_;
}

/// Those that were used longest ago lie at the list's end.
void BlockPool::give_back(std::size_t most) noexcept {
    if (block_bytes_ <= kLargestInSlab) return give_back_slabs(most);
    Block** end = &free_;
    for (std::size_t kept = size_ - most; kept > 0; --kept)
        end = &(*end)->next;
    for (Block* block = std::exchange(*end, nullptr); block != nullptr; --size_)
        ::operator delete(std::exchange(block, block->next));
}

/// Of those the slabs that are free as a whole.
void BlockPool::give_back_slabs(std::size_t most) noexcept {
    std::size_t position = 0;
    for (Block* block = free_; block != nullptr; block = block->next) {
        if (position++ >= size_ - most) ++slab_of(block).free;
    }
    Block** end = &free_;
    for (Block* block = free_; block != nullptr;) {
        Slab& slab = slab_of(block);
        Block* const next = block->next;
        if (slab.free == slab.cut) slab.cut = 0;
        if (slab.cut != 0) {
            *end = block;
            end = &block->next;
        } else if (--size_; --slab.free == 0) {
            if (newest_ == &slab) newest_ = nullptr;
            platform::unmap_slab(&slab);
        }
        block = next;
    }
    *end = nullptr;
    for (Block* block = free_; block != nullptr; block = block->next)
        slab_of(block).free = 0;
    pinned_ = size_;
}

}  // namespace reverse_proxy::core
