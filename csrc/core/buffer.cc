#include "core/buffer.h"

#include <new>

namespace triton_lite {

Result<Buffer> AllocateHeap(std::size_t byte_size) {
  constexpr std::align_val_t kAlignment{64};
  // One byte at least, so that data is never null.
  void* block = ::operator new(byte_size == 0 ? 1 : byte_size, kAlignment, std::nothrow);
  if (block == nullptr) {
    return Unavailable("unable to allocate " + std::to_string(byte_size) + " bytes of host memory");
  }
  std::shared_ptr<void> owner(block, [](void* p) { ::operator delete(p, std::align_val_t{64}); });
  return Buffer{static_cast<std::byte*>(block), byte_size, std::move(owner)};
}

}  // namespace triton_lite
