// A queue of copies on one GPU.
#pragma once

#include <cstdint>
#include <utility>

#include "core/status.h"
#include "cuda/driver.h"

namespace triton_lite::cuda {

// Used by one thread at a time. What was queued is done when Synchronize returns; the destructor waits for nothing.
class Stream {
 public:
  static Result<Stream> Make(std::int64_t device_id);
  Stream(Stream&& other) noexcept : device_id_(other.device_id_), stream_(std::exchange(other.stream_, nullptr)) {}
  Stream& operator=(Stream&&) = delete;
  ~Stream();

  std::int64_t device_id() const { return device_id_; }
  // The thread is in a DeviceScope of device_id().
  Status CopyToHost(void* to, DevicePointer from, std::size_t byte_size);
  Status CopyToDevice(DevicePointer to, const void* from, std::size_t byte_size);
  Status CopyOnDevice(DevicePointer to, DevicePointer from, std::size_t byte_size);
  Status Synchronize();

 private:
  Stream(std::int64_t device_id, RawStream* stream) : device_id_(device_id), stream_(stream) {}

  std::int64_t device_id_;
  RawStream* stream_;
};

}  // namespace triton_lite::cuda
