#include "reverse_proxy/core/block_pool.hpp"

#include "reverse_proxy/platform/memory.hpp"

#include <cstdint>
#include <utility>

namespace reverse_proxy::core {

/// At the start of its memory, found from a block by the address alone.
struct BlockPool::Slab {
    static constexpr std::size_t kHeaderBytes = 64;

    std::size_t cut{0};  // blocks that were ever handed out
    // The rest is for trim() alone.
    std::size_t free{0};  // of these
    Block* first{nullptr};
    Block* last{nullptr};
    Slab* next{nullptr};
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
    // A look that gives nothing back has yet sorted the blocks: once work has moved, the next may.
    constexpr unsigned kLooks = 3;
    if (unused_ > pinned_) looks_ = kLooks;
    if (std::size_t const unused = unused_; looks_ > 0 && unused > 0) {
        std::size_t const given = give_back(std::min(unused, kMostAtOnce));
        looks_ = given > 0 ? kLooks : looks_ - 1;
        pinned_ = unused - given;
    }
    unused_ = size_;
}

void BlockPool::clear() noexcept {
    give_back(size_);
    unused_ = size_;
    pinned_ = 0;
    looks_ = 0;
}

std::size_t BlockPool::give_back(std::size_t most) noexcept {
    if (block_bytes_ <= kLargestInSlab) return give_back_slabs(most);
    for (std::size_t left = most; left > 0; --left)
        ::operator delete(take());
    return most;
}

/// Of the free blocks those whose slab is free as a whole. The others are sorted by slab, so that
/// work draws together in few of them and the rest becomes free.
std::size_t BlockPool::give_back_slabs(std::size_t most) noexcept {
    std::size_t const before = size_;
    Slab* slabs = free_blocks_by_slab();
    while (slabs != nullptr) {
        Slab& slab = *slabs;
        slabs = slab.next;
        if (slab.free == slab.cut && slab.cut <= most) {
            most -= slab.cut;
            size_ -= slab.cut;
            if (newest_ == &slab) newest_ = nullptr;
            platform::unmap_slab(&slab);
        } else {
            slab.last->next = std::exchange(free_, slab.first);
            slab.first = nullptr;
            slab.free = 0;
        }
    }
    return before - size_;
}

BlockPool::Slab* BlockPool::free_blocks_by_slab() noexcept {
    Slab* slabs = nullptr;
    while (free_ != nullptr) {
        Block* const block = std::exchange(free_, free_->next);
        Slab& slab = slab_of(block);
        if (slab.free++ == 0) {
            slab.last = block;
            slab.next = std::exchange(slabs, &slab);
        }
        block->next = std::exchange(slab.first, block);
    }
    return slabs;
}

}  // namespace reverse_proxy::core
