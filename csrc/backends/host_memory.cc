#include "backends/host_memory.h"

#include <malloc.h>

#include "core/mutex.h"

namespace triton_lite {
namespace {

constexpr std::uintmax_t kLargeByteSize = std::uintmax_t{4} << 20;
constexpr int kMappedInScope = 1 << 20;
constexpr int kMappedOtherwise = 32 << 20;  // The most that the C library takes.

// Scopes of several loads overlap: the first lowers the limit, the last raises it.
Mutex& ScopesMutex() {
  static Mutex mu;
  return mu;
}
int scopes GUARDED_BY(ScopesMutex()) = 0;

void MapFrom(int byte_size) {
  (void)mallopt(M_MMAP_THRESHOLD, byte_size);
  // Setting one ends that the other follows it: a heap keeps up to this much at its top.
  (void)mallopt(M_TRIM_THRESHOLD, 2 * kMappedOtherwise);
}

}  // namespace

ModelMemoryScope::ModelMemoryScope(std::uintmax_t byte_size) : byte_size_(byte_size) {
  if (byte_size_ >= kLargeByteSize) {
    MutexLock lock(ScopesMutex());
    if (scopes++ == 0) {
      MapFrom(kMappedInScope);
    }
  }
}

ModelMemoryScope::~ModelMemoryScope() {
  if (byte_size_ >= kLargeByteSize) {
    MutexLock lock(ScopesMutex());
    if (--scopes == 0) {
      MapFrom(kMappedOtherwise);
    }
  }
}

void ReturnFreeMemory(std::uintmax_t byte_size) {
  if (byte_size >= kLargeByteSize) {
    (void)malloc_trim(0);
  }
}

}  // namespace triton_lite
