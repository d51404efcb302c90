#include "fake_cuda/memory.h"

#include <sys/mman.h>

#include <cstring>
#include <iterator>
#include <mutex>
#include <optional>

#include "fake_cuda/contexts.h"
#include "fake_cuda/control.h"
#include "fake_cuda/result.h"

namespace fake_cuda {
namespace {

constexpr unsigned kMemoryTypeHost = 1;  // CU_MEMORYTYPE_HOST

// The entry whose key is the greatest that is not above `address`.
template <typename Map>
auto AtOrBelow(const Map& map, std::uint64_t address) {
  const auto above = map.upper_bound(address);
  return above == map.begin() ? map.end() : std::prev(above);
}

std::byte* HostAt(std::uint64_t address) { return reinterpret_cast<std::byte*>(address); }

}  // namespace

int Memory::Allocate(int device, std::size_t byte_size, DevicePointer* pointer) {
  if (pointer == nullptr || byte_size == 0) {
    return kInvalidValue;
  }
  std::unique_ptr<DeviceObject> object = DeviceObject::Create(device, byte_size);
  if (object == nullptr) {
    return kOutOfMemory;
  }
  const std::unique_lock lock(mutex_);
  *pointer = object->address();
  devices_[*pointer] = {std::move(object), device, 0};
  TheControl().Count(Kind::kAllocations, 1);
  return kSuccess;
}

int Memory::Free(DevicePointer pointer) {
  const std::unique_lock lock(mutex_);
  const auto found = devices_.find(pointer);
  if (found == devices_.end() || found->second.references > 0) {
    return kInvalidValue;
  }
  found->second.object->End();
  devices_.erase(found);
  TheControl().Count(Kind::kAllocations, -1);
  return kSuccess;
}

int Memory::Export(DevicePointer pointer, IpcHandle* handle) {
  const std::shared_lock lock(mutex_);
  const auto found = devices_.find(pointer);
  if (handle == nullptr || found == devices_.end() || found->second.references > 0) {
    return kInvalidValue;
  }
  *handle = HandleOf(found->second.object->token());
  return kSuccess;
}

int Memory::Open(int device, const IpcHandle& handle, DevicePointer* pointer) {
  const std::optional<std::string> token = TokenOf(handle);
  if (!token || pointer == nullptr) {
    return kInvalidValue;
  }
  const std::unique_lock lock(mutex_);
  if (const auto known = opened_.find({device, *token}); known != opened_.end()) {
    ++devices_[known->second].references;
    *pointer = known->second;
    TheControl().Count(Kind::kHandles, 1);
    return kSuccess;
  }
  std::unique_ptr<DeviceObject> object = DeviceObject::Open(*token);
  if (object == nullptr) {
    return kInvalidHandle;
  }
  if (object->own()) {
    return kInvalidContext;
  }
  if (!IsDevice(object->device())) {
    return kInvalidValue;
  }
  *pointer = object->address();
  devices_[*pointer] = {std::move(object), device, 1};
  opened_[{device, *token}] = *pointer;
  TheControl().Count(Kind::kHandles, 1);
  return kSuccess;
}

int Memory::Close(int device, DevicePointer pointer) {
  const std::unique_lock lock(mutex_);
  const auto found = devices_.find(pointer);
  if (found == devices_.end() || found->second.references == 0 || found->second.opened_on != device) {
    return kInvalidValue;
  }
  TheControl().Count(Kind::kHandles, -1);
  if (--found->second.references == 0) {
    opened_.erase({device, found->second.object->token()});
    devices_.erase(found);
  }
  return kSuccess;
}

int Memory::AllocateHost(std::size_t byte_size, void** pointer) {
  if (pointer == nullptr || byte_size == 0) {
    return kInvalidValue;
  }
  // Pages of their own: what is used after it was freed faults.
  void* const place = ::mmap(nullptr, byte_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (place == MAP_FAILED) {
    return kOutOfMemory;
  }
  const std::unique_lock lock(mutex_);
  pinned_[reinterpret_cast<std::uint64_t>(place)] = byte_size;
  *pointer = place;
  TheControl().Count(Kind::kPinned, 1);
  return kSuccess;
}

int Memory::FreeHost(void* pointer) {
  const std::unique_lock lock(mutex_);
  const auto found = pinned_.find(reinterpret_cast<std::uint64_t>(pointer));
  if (found == pinned_.end()) {
    return kInvalidValue;
  }
  (void)::munmap(pointer, found->second);
  pinned_.erase(found);
  TheControl().Count(Kind::kPinned, -1);
  return kSuccess;
}

int Memory::AddressRange(DevicePointer pointer, DevicePointer* base, std::size_t* byte_size) const {
  const std::shared_lock lock(mutex_);
  const Device* device = DeviceAt(pointer);
  if (device == nullptr) {
    return kNotFound;
  }
  if (base != nullptr) {
    *base = device->object->address();
  }
  if (byte_size != nullptr) {
    *byte_size = device->object->byte_size();
  }
  return kSuccess;
}

int Memory::Attribute(DevicePointer pointer, int attribute, void* value) const {
  const std::shared_lock lock(mutex_);
  const Device* device = DeviceAt(pointer);
  const bool pinned = device == nullptr && PinnedAt(pointer, 1);
  if (value == nullptr || (device == nullptr && !pinned)) {
    return kInvalidValue;
  }
  if (attribute == triton_lite::cuda::kAttributeMemoryType) {
    *static_cast<unsigned*>(value) = pinned ? kMemoryTypeHost : triton_lite::cuda::kMemoryTypeDevice;
    return kSuccess;
  }
  if (attribute == triton_lite::cuda::kAttributeDeviceOrdinal) {
    *static_cast<int*>(value) = pinned ? 0 : device->object->device();
    return kSuccess;
  }
  return kInvalidValue;
}

int Memory::Check(Copy& copy) const {
  const std::shared_lock lock(mutex_);
  const bool to_device = copy.direction != Direction::kToHost;
  const bool from_device = copy.direction != Direction::kToDevice;
  if (copy.byte_size == 0) {
    return kSuccess;
  }
  const bool device_sides = (!to_device || WithinDevice(copy.target, copy.byte_size)) &&
                            (!from_device || WithinDevice(copy.source, copy.byte_size));
  if (!device_sides) {
    return kInvalidValue;
  }
  if (to_device && from_device) {
    return kSuccess;
  }
  const std::uint64_t host = to_device ? copy.source : copy.target;
  if (host == 0 || TouchesDevice(host, copy.byte_size)) {
    return kInvalidValue;
  }
  copy.pinned = PinnedAt(host, copy.byte_size);
  return kSuccess;
}

int Memory::Run(const Copy& copy) const {
  const std::shared_lock lock(mutex_);
  if (copy.byte_size == 0) {
    return kSuccess;
  }
  // What was there when the copy was queued may be gone.
  const auto side = [&](std::uint64_t address, bool on_device) -> std::byte* {
    if (!on_device) {
      return !copy.pinned || PinnedAt(address, copy.byte_size) ? HostAt(address) : nullptr;
    }
    const bool there = WithinDevice(address, copy.byte_size) && !DeviceAt(address)->object->ended();
    return there ? DeviceAt(address)->object->at(address) : nullptr;
  };
  std::byte* const target = side(copy.target, copy.direction != Direction::kToHost);
  const std::byte* const source = side(copy.source, copy.direction != Direction::kToDevice);
  if (target == nullptr || source == nullptr) {
    return kIllegalAddress;
  }
  std::memmove(target, source, copy.byte_size);
  return kSuccess;
}

void Memory::EndOwn() {
  const std::shared_lock lock(mutex_);
  for (const auto& [pointer, device] : devices_) {
    if (device.object->own()) {
      device.object->End();
    }
  }
}

const Memory::Device* Memory::DeviceAt(DevicePointer pointer) const {
  const auto found = AtOrBelow(devices_, pointer);
  const bool within = found != devices_.end() && pointer - found->first < found->second.object->byte_size();
  return within ? &found->second : nullptr;
}

bool Memory::WithinDevice(DevicePointer pointer, std::size_t byte_size) const {
  const Device* device = DeviceAt(pointer);
  return device != nullptr && byte_size <= device->object->byte_size() - (pointer - device->object->address());
}

bool Memory::TouchesDevice(std::uint64_t address, std::size_t byte_size) const {
  if (byte_size > ~std::uint64_t{0} - address) {
    return true;
  }
  const auto found = AtOrBelow(devices_, address + byte_size - 1);
  return found != devices_.end() && address < found->first + found->second.object->byte_size();
}

bool Memory::PinnedAt(std::uint64_t address, std::size_t byte_size) const {
  const auto found = AtOrBelow(pinned_, address);
  return found != pinned_.end() && address - found->first < found->second &&
         byte_size <= found->second - (address - found->first);
}

Memory& TheMemory() {
  // Never destroyed: threads may be in the driver until the process is gone.
  static Memory& memory = *new Memory;
  static const struct AtExit {
    ~AtExit() { memory.EndOwn(); }
  } at_exit;
  return memory;
}

}  // namespace fake_cuda
