#include "backends/ort_device.h"

#include <utility>

#include "backends/ort_library.h"

namespace triton_lite::ort {

Result<std::unique_ptr<Device>> Device::Make(const SessionHandle& session, std::int32_t id) {
  MemoryInfoHandle memory;
  RETURN_IF_ERROR(Take(Api().CreateMemoryInfo("Cuda", AllocatorType::kDevice, id, MemoryType::kDefault, memory.out())));
  AllocatorHandle allocator;
  RETURN_IF_ERROR(Take(Api().CreateAllocator(session.get(), memory.get(), allocator.out())));
  return std::unique_ptr<Device>(new Device(id, std::move(memory), std::move(allocator)));
}

Result<Buffer> Device::Allocate(std::size_t byte_size) {
  void* block = nullptr;
  RETURN_IF_ERROR(Take(Api().AllocatorAlloc(allocator_.get(), byte_size, &block)));
  std::shared_ptr<void> owner(
      block, [allocator = allocator_.get()](void* mine) { (void)Take(Api().AllocatorFree(allocator, mine)); });
  return Wrap(static_cast<std::byte*>(block), byte_size, std::move(owner));
}

}  // namespace triton_lite::ort
