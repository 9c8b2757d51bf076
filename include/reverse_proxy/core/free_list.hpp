#pragma once

#include <cstddef>
#include <new>

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

/// Blocks of memory of one size that lie free, each holding the address of the next. Not
/// thread-safe; owns nothing: who has it calls shrink(0) at its end.
class FreeList {
public:
    [[nodiscard]] bool empty() const { return first_ == nullptr; }
    /// `block` is from operator new, of at least the size of a pointer.
    void push(void* block) {
        first_ = new (block) Block{first_};
        ++size_;
    }
    /// The one that was pushed last; there must be one.
    void* pop() {
        Block* const block = first_;
        first_ = block->next;
        --size_;
        return block;
    }
    /// Gives back to the heap all but `keep`.
    void shrink(std::size_t keep) {
        while (size_ > keep)
            ::operator delete(pop());
    }
    void halve() { shrink(size_ / 2); }

private:
    struct Block {
        Block* next;
    };
    Block* first_{nullptr};
    std::size_t size_{0};
};

}  // namespace reverse_proxy::core
