#include "reverse_proxy/platform/memory.hpp"

#include <new>
#include <windows.h>

namespace reverse_proxy::platform {

/// Windows takes 64 KiB of addresses for it, and aligns by them.
void* map_slab() {
    void* const slab =
        ::VirtualAlloc(nullptr, kSlabBytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (slab == nullptr) throw std::bad_alloc{};
    return slab;
}

void unmap_slab(void* slab) noexcept {
    ::VirtualFree(slab, 0, MEM_RELEASE);
}

}  // namespace reverse_proxy::platform
