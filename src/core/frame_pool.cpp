#include "reverse_proxy/core/frame_pool.hpp"

#include "reverse_proxy/core/free_list.hpp"

#include <array>
#include <new>

namespace reverse_proxy::core {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 64;

// Without a destructor: where threads keep their variables in memory of their own (MinGW-w64), they
// are gone before it would run.
thread_local std::array<FreeList, kClasses> lists;

}  // namespace

void* FramePool::allocate(std::size_t bytes) {
    std::size_t const index = (bytes - 1) / kStep;
    if (!kRecycleMemory || index >= kClasses) return ::operator new(bytes);
    FreeList& list = lists[index];
    if (!list.empty()) return list.pop();
    return ::operator new((index + 1) * kStep);
}

void FramePool::release(void* frame, std::size_t bytes) noexcept {
    std::size_t const index = (bytes - 1) / kStep;
    if (!kRecycleMemory || index >= kClasses) {
        ::operator delete(frame);
        return;
    }
    lists[index].push(frame);
}

void FramePool::trim() noexcept {
    for (FreeList& list : lists)
        list.halve();
}

void FramePool::clear() noexcept {
    for (FreeList& list : lists)
        list.shrink(0);
}

}  // namespace reverse_proxy::core
