#pragma once

#include <cstddef>

namespace reverse_proxy::core {

/// Memory for coroutine frames, recycled per thread: a request in steady state allocates none.
///
/// Block pools by size in steps of 64 bytes up to 4 KiB; larger frames go to the heap. A frame must
/// be freed on the thread that made it, which holds because a worker's coroutines never leave it.
class FramePool {
public:
    static void* allocate(std::size_t bytes);
    static void release(void* frame, std::size_t bytes) noexcept;
    /// Calls in which each size has its turn once.
    static constexpr std::size_t kTurns = 10;
    /// Gives back what nobody has taken on this thread since its size's last turn
    /// (BlockPool::trim). `turn` counts up.
    static void trim(std::size_t turn) noexcept;
    /// Gives back all that lies free, before the thread ends.
    static void clear() noexcept;
};

}  // namespace reverse_proxy::core
