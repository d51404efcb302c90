// How the C library keeps the memory of models, so that what a model held goes back to the system with it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace triton_lite {

// Of this size on, allocations are mappings of their own, which a free returns at once. Left to itself the C library
// moves the limit up to 32 MiB with the first model that ends: weights and what parsing leaves then lie in its heaps,
// whose tops (up to 64 MiB each) it never returns. A model of 200 MB took 500 MB, and 25 to 70 MB stayed behind.
inline constexpr std::size_t kMappedByteSize = std::size_t{4} << 20;

// Sets that limit for the process. Once.
void KeepModelMemoryApart();

// Returns what is free in the heaps to the system after work on `byte_size` bytes of a model; nothing for small ones,
// since it looks at every heap.
void ReturnFreeMemory(std::uintmax_t byte_size);

}  // namespace triton_lite
