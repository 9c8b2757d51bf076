#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace reverse_proxy::core {

/// Off with sanitizers: every block comes from the heap and goes back to it, so that a use after
/// the end is seen.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kRecycleMemory = false;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kRecycleMemory = false;
#else
inline constexpr bool kRecycleMemory = true;
#endif
#else
inline constexpr bool kRecycleMemory = true;
#endif

/// Blocks of memory of one size, used again last in, first out. Not thread-safe.
///
/// Blocks of up to 4 KiB are cut from slabs of their own, so that what outlives a burst keeps no
/// page of what does not: on the heap the two lie mixed, and half of it stayed resident for good
/// (docs/performance.md, Heap). Larger ones are the heap's. Has no destructor, since it is used
/// as a thread's variable as well: who has it calls clear() at its end.
class BlockPool {
public:
    static constexpr std::size_t kLargestInSlab = std::size_t{4} * 1024;
    /// Blocks that one trim() gives back: some milliseconds of the worker's time.
    static constexpr std::size_t kMostAtOnce = 4096;

    /// `block_bytes` is a multiple of 64.
    constexpr explicit BlockPool(std::size_t block_bytes) : block_bytes_{block_bytes} {}
    BlockPool(BlockPool const&) = delete;
    BlockPool& operator=(BlockPool const&) = delete;

    [[nodiscard]] std::size_t block_bytes() const { return block_bytes_; }

    /// Throws std::bad_alloc.
    void* take() {
        if (free_ == nullptr) return take_new();
        Block* const block = free_;
        free_ = block->next;
        --size_;
        unused_ = std::min(unused_, size_);
        return block;
    }

    void give(void* block) noexcept {
        if (!kRecycleMemory) return ::operator delete(block);
        free_ = new (block) Block{free_};
        ++size_;
    }

    /// Gives back what nobody has taken since the last call, as far as whole slabs are free and no
    /// more than kMostAtOnce. Costs a walk over the free blocks while there is something to give
    /// back, and up to three walks after more lay unused than could ever go.
    void trim() noexcept;
    /// Gives back all that lies free.
    void clear() noexcept;

private:
    struct Block {
        Block* next;
    };
    struct Slab;

    static Slab& slab_of(Block* block);
    void* take_new();
    std::size_t give_back(std::size_t most) noexcept;
    std::size_t give_back_slabs(std::size_t most) noexcept;
    Slab* free_blocks_by_slab() noexcept;

    std::size_t block_bytes_;
    Block* free_{nullptr};
    std::size_t size_{0};    // of the free list
    std::size_t unused_{0};  // the least that lay free since the last trim
    std::size_t pinned_{0};  // unused when trim() last looked, and yet not to be given back
    unsigned looks_{0};      // to come before that is taken for lasting
    Slab* newest_{nullptr};  // may have room that was never used
};

/// A pool for each of so many sizes. @param block_bytes  from a size's number, which begins at 0
template <std::size_t Sizes, typename BlockBytes>
constexpr std::array<BlockPool, Sizes> block_pools(BlockBytes block_bytes) {
    return [&]<std::size_t... Number>(std::index_sequence<Number...>) {
        return std::array<BlockPool, Sizes>{BlockPool{block_bytes(Number)}...};
    }
    (std::make_index_sequence<Sizes>{});
}

}  // namespace reverse_proxy::core
