#include "reverse_proxy/core/frame_pool.hpp"

#include "reverse_proxy/core/block_pool.hpp"

#include <array>
#include <new>

namespace reverse_proxy::core {
namespace {

constexpr std::size_t kStep = 64;
constexpr std::size_t kClasses = 64;

// Without a destructor: where threads keep their variables in memory of their own (MinGW-w64), they
// are gone before it would run.
constinit thread_local std::array<BlockPool, kClasses> pools =
    block_pools<kClasses>([](std::size_t index) { return (index + 1) * kStep; });

}  // namespace

void* FramePool::allocate(std::size_t bytes) {
    std::size_t const index = (bytes - 1) / kStep;
    return index < kClasses ? pools[index].take() : ::operator new(bytes);
}

void FramePool::release(void* frame, std::size_t bytes) noexcept {
    std::size_t const index = (bytes - 1) / kStep;
    index < kClasses ? pools[index].give(frame) : ::operator delete(frame);
}

void FramePool::trim(std::size_t turn) noexcept {
    for (std::size_t index = turn % kTurns; index < kClasses; index += kTurns)
        pools[index].trim();
}

void FramePool::clear() noexcept {
    for (BlockPool& pool : pools)
        pool.clear();
}

}  // namespace reverse_proxy::core
