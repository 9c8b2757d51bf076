#include "reverse_proxy/platform/memory.hpp"

#include <cstdint>
#include <new>
#include <sys/mman.h>

namespace reverse_proxy::platform {
namespace {

char* map(std::size_t bytes) {
    void* const pages =
        ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED) throw std::bad_alloc{};
    return static_cast<char*>(pages);
}

std::size_t past_boundary(char const* address) {
    return reinterpret_cast<std::uintptr_t>(address) % kSlabBytes;
}

}  // namespace

/// The kernel puts a mapping beside the last one: after one slab the next is mostly aligned as
/// well.
void* map_slab() {
    char* const pages = map(kSlabBytes);
    if (past_boundary(pages) == 0) return pages;
    ::munmap(pages, kSlabBytes);
    char* const wide = map(2 * kSlabBytes);
    std::size_t const before = (kSlabBytes - past_boundary(wide)) % kSlabBytes;
    char* const slab = wide + before;
    if (before > 0) ::munmap(wide, before);
    ::munmap(slab + kSlabBytes, kSlabBytes - before);
    return slab;
}

/// One amid others splits their mapping, which fails where there are vm.max_map_count of them.
void unmap_slab(void* slab) noexcept {
    if (::munmap(slab, kSlabBytes) != 0) ::madvise(slab, kSlabBytes, MADV_DONTNEED);
}

}  // namespace reverse_proxy::platform
