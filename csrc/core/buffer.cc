#include "core/buffer.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <new>
#include <string>

namespace triton_lite {

Result<Buffer> AllocateHeap(std::size_t byte_size) {
  constexpr std::align_val_t kAlignment{64};
  // One byte at least, so that data is never null.
  const std::size_t wanted = std::max<std::size_t>(byte_size, 1);
  // What operator new rounds up to nothing would succeed.
  const bool possible = wanted <= std::numeric_limits<std::ptrdiff_t>::max();
  void* block = possible ? ::operator new(wanted, kAlignment, std::nothrow) : nullptr;
  if (block == nullptr) {
    return Unavailable("unable to allocate " + std::to_string(byte_size) + " bytes of host memory");
  }
  std::shared_ptr<void> owner(block, [](void* p) { ::operator delete(p, std::align_val_t{64}); });
  return Buffer{static_cast<std::byte*>(block), byte_size, std::move(owner)};
}

}  // namespace triton_lite
