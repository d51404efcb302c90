// Host memory that GPUs copy from and to without a detour (--pinned-memory-pool-byte-size).
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/buffer.h"
#include "core/status.h"

namespace triton_lite::cuda {

// The most that is pinned at a time, in bytes; 256 MB unless told. 0: none is.
void SetPinnedMemoryLimit(std::uint64_t byte_size);

// Memory of at least `byte_size`, pinned where there is a GPU and the limit leaves room, else from the heap: copies are
// slower then. What is freed is kept for the next one. UNAVAILABLE when there is no memory at all.
Result<Buffer> AllocatePinned(std::size_t byte_size);

// Bytes that are in use now.
std::uint64_t PinnedMemoryInUse();

}  // namespace triton_lite::cuda
