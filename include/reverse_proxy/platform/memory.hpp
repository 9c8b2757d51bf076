#pragma once

#include <cstddef>

/// Memory from the operating system by the page, past the heap.
namespace reverse_proxy::platform {

/// Bytes of a slab: four pages, of which one block in use keeps no more than that.
inline constexpr std::size_t kSlabBytes = std::size_t{16} * 1024;

/// Zeroed memory of kSlabBytes, at an address that is a multiple of it; a page of it takes room
/// once it is touched. Throws std::bad_alloc. Thread-safe.
void* map_slab();

/// Gives it back at once.
void unmap_slab(void* slab) noexcept;

}  // namespace reverse_proxy::platform
