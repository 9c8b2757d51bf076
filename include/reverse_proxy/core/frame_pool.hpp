#pragma once

#include <cstddef>

namespace reverse_proxy::core {

/// Memory for coroutine frames, recycled per thread: a request in steady state allocates none.
///
/// Free lists by size in steps of 64 bytes up to 4 KiB; larger frames go to the heap. A frame must
/// be freed on the thread that made it, which holds because a worker's coroutines never leave it.
/// With sanitizers every frame comes from the heap, so that a use after the end is seen.
class FramePool {
public:
    static void* allocate(std::size_t bytes);
    static void release(void* frame, std::size_t bytes) noexcept;
    /// Gives half of what lies free on this thread back to the heap; called by the worker's tick,
    /// so that a burst is not remembered for ever.
    static void trim() noexcept;
    /// The same with all of it, before the thread ends.
    static void clear() noexcept;
};

}  // namespace reverse_proxy::core
