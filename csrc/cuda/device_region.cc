#include "cuda/device_region.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "cuda/driver.h"
#include "log/log.h"

namespace triton_lite::cuda {
namespace {

Result<std::byte*> OpenHandle(Bytes handle, std::int64_t device_id) {
  if (handle.size() != kIpcHandleByteSize) {
    return InvalidArgument("a handle has " + std::to_string(kIpcHandleByteSize) + " bytes, not " +
                           std::to_string(handle.size()));
  }
  const DeviceScope scope(device_id);
  RETURN_IF_ERROR(scope.status());
  IpcHandle raw;
  std::memcpy(raw.bytes, handle.data(), kIpcHandleByteSize);
  DevicePointer pointer = 0;
  RETURN_IF_ERROR(Take(Api().cuIpcOpenMemHandle_v2(&pointer, raw, kIpcLazyPeerAccess), "open CUDA IPC handle"));
  return reinterpret_cast<std::byte*>(pointer);
}

}  // namespace

Result<DeviceRegionPtr> DeviceRegion::Open(const std::string& name, Bytes handle, std::int64_t device_id,
                                           std::uint64_t byte_size) {
  const Result<std::byte*> opened = OpenHandle(handle, device_id);
  if (!opened.ok()) {
    LogError("CUDA shared memory region '" + name + "': " + opened.status().message());
    return InvalidArgument("failed to register shared memory region: invalid args");
  }
  const std::shared_ptr<DeviceRegion> region(new DeviceRegion(device_id, *opened));
  if (const Status status = region->CheckSize(byte_size); !status.ok()) {
    LogError("CUDA shared memory region '" + name + "': " + status.message());
    return InvalidArgument("failed to register shared memory region '" + name + "': invalid args");
  }
  return DeviceRegionPtr(region);
}

Status DeviceRegion::CheckSize(std::uint64_t byte_size) {
  const DeviceScope scope(device_id_);
  RETURN_IF_ERROR(scope.status());
  const auto mine = reinterpret_cast<DevicePointer>(data_);
  DevicePointer base = 0;
  std::size_t there = 0;
  RETURN_IF_ERROR(Take(Api().cuMemGetAddressRange_v2(&base, &there, mine), "get CUDA address range"));
  // The handle may lead into the middle of what was allocated.
  const std::size_t before = mine - base;
  if (before > there || byte_size > there - before) {
    return Internal("it has " + std::to_string(there - std::min(there, before)) + " bytes, not " +
                    std::to_string(byte_size));
  }
  byte_size_ = byte_size;
  return {};
}

DeviceRegion::~DeviceRegion() {
  const DeviceScope scope(device_id_);
  Status status = scope.status();
  if (status.ok()) {
    status = Take(Api().cuIpcCloseMemHandle(reinterpret_cast<DevicePointer>(data_)), "close CUDA IPC handle");
  }
  if (!status.ok()) {
    LogError(status.message());
  }
}

}  // namespace triton_lite::cuda
