#include "backends/host_memory.h"

#include <malloc.h>

namespace triton_lite {

void KeepModelMemoryApart() {
  (void)mallopt(M_MMAP_THRESHOLD, static_cast<int>(kMappedByteSize));
  // Setting one switches off that the other follows it: a heap keeps up to this much at its top.
  (void)mallopt(M_TRIM_THRESHOLD, static_cast<int>(2 * kMappedByteSize));
}

void ReturnFreeMemory(std::uintmax_t byte_size) {
  if (byte_size >= kMappedByteSize) {
    (void)malloc_trim(0);
  }
}

}  // namespace triton_lite
