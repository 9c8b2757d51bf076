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
    /// Gives back what nobody has taken on this thread since the last call (BlockPool::trim).
    static void trim() noexcept;
    /// Gives back all that lies free, before the thread ends.
    static void clear() noexcept;
};

}  // namespace reverse_proxy::core
