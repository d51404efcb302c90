// The GPU that an instance of an ONNX model runs on: its memory, and copies from and to it.
#pragma once

#include <cstdint>
#include <memory>

#include "backends/ort_handles.h"
#include "core/buffer.h"
#include "core/status.h"
#include "cuda/copies.h"

namespace triton_lite::ort {

// Belongs to one instance, which uses it from one thread at a time.
class Device {
 public:
  // Memory comes from the pool of `session`, which has to outlive the object and what it gave.
  static Result<std::unique_ptr<Device>> Make(const SessionHandle& session, std::int32_t id);

  std::int32_t id() const { return id_; }
  const MemoryInfo* memory() const { return memory_.get(); }
  cuda::Copies& copies() { return copies_; }

  // Uninitialised; until the object goes.
  Result<Buffer> Allocate(std::size_t byte_size);
  // `data`, on this GPU, as a buffer.
  Buffer Wrap(std::byte* data, std::size_t byte_size, std::shared_ptr<void> owner) const {
    return {data, byte_size, std::move(owner), MemoryKind::kDevice, id_};
  }

 private:
  Device(std::int32_t id, MemoryInfoHandle memory, AllocatorHandle allocator)
      : id_(id), memory_(std::move(memory)), allocator_(std::move(allocator)) {}

  const std::int32_t id_;
  const MemoryInfoHandle memory_;
  const AllocatorHandle allocator_;
  cuda::Copies copies_;
};

// Vector loads of GPU code take up to so many bytes at once; an address that is not aligned ends the whole process's
// use of the GPU.
inline constexpr std::size_t kDeviceAlignment = 16;

}  // namespace triton_lite::ort
