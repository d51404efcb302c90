// All memory that the driver knows in this process: device memory, its own and what it opened of others, and pinned
// host memory. Every method returns a Result.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <utility>

#include "fake_cuda/device_object.h"
#include "fake_cuda/functions.h"

namespace fake_cuda {

enum class Direction { kToDevice, kToHost, kOnDevice };

struct Copy {
  Direction direction;
  std::uint64_t target;
  std::uint64_t source;
  std::size_t byte_size;
  bool pinned = false;  // Its host side was when it was checked.
};

class Memory {
 public:
  int Allocate(int device, std::size_t byte_size, DevicePointer* pointer);
  int Free(DevicePointer pointer);

  int Export(DevicePointer pointer, IpcHandle* handle);
  // The second opening in a context of the same device gives the first one's address, and needs a Close of its own.
  int Open(int device, const IpcHandle& handle, DevicePointer* pointer);
  int Close(int device, DevicePointer pointer);

  int AllocateHost(std::size_t byte_size, void** pointer);
  int FreeHost(void* pointer);

  int AddressRange(DevicePointer pointer, DevicePointer* base, std::size_t* byte_size) const;
  int Attribute(DevicePointer pointer, int attribute, void* value) const;

  // Whether a copy may be queued, and to make it.
  int Check(Copy& copy) const;
  int Run(const Copy& copy) const;

  // At the end of the process its device memory is gone, however others use it.
  void EndOwn();

 private:
  struct Device {
    std::unique_ptr<DeviceObject> object;
    int opened_on = 0;
    int references = 0;  // Openings; 0 for what this process allocated.
  };

  const Device* DeviceAt(DevicePointer pointer) const;
  bool PinnedAt(std::uint64_t address, std::size_t byte_size) const;
  bool WithinDevice(DevicePointer pointer, std::size_t byte_size) const;
  bool TouchesDevice(std::uint64_t address, std::size_t byte_size) const;

  mutable std::shared_mutex mutex_;  // Shared while a copy runs.
  std::map<DevicePointer, Device> devices_;
  std::map<std::pair<int, std::string>, DevicePointer> opened_;  // By device of the context, and token.
  std::map<std::uint64_t, std::size_t> pinned_;
};

Memory& TheMemory();

}  // namespace fake_cuda
