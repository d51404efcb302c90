// Memory of a client on a GPU, opened by its IPC handle (CUDA shared memory extension).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "core/buffer.h"
#include "core/bytes.h"
#include "core/status.h"

namespace triton_lite::cuda {

// Open as long as this lives. Its bytes may change at any time.
class DeviceRegion {
 public:
  // `handle`: the bytes of a cudaIpcMemHandle_t. INVALID_ARGUMENT with Triton's texts (`name` stands in them) when this
  // machine has no GPU, the handle opens nothing there, or the memory is smaller than `byte_size`; the log says why.
  static Result<std::shared_ptr<const DeviceRegion>> Open(const std::string& name, Bytes handle, std::int64_t device_id,
                                                          std::uint64_t byte_size);
  DeviceRegion(const DeviceRegion&) = delete;
  DeviceRegion& operator=(const DeviceRegion&) = delete;
  ~DeviceRegion();

  std::int64_t device_id() const { return device_id_; }
  std::size_t size() const { return byte_size_; }
  // An address on the GPU.
  std::byte* data() const { return data_; }

 private:
  DeviceRegion(std::int64_t device_id, std::byte* data) : device_id_(device_id), data_(data) {}

  Status CheckSize(std::uint64_t byte_size);

  const std::int64_t device_id_;
  std::byte* const data_;
  std::size_t byte_size_ = 0;
};

using DeviceRegionPtr = std::shared_ptr<const DeviceRegion>;

}  // namespace triton_lite::cuda
