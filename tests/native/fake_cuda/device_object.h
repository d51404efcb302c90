// One piece of device memory: an object /dev/shm/fake_cuda_TOKEN that the host can reach at a hidden address only. What
// is handed out as its device address is reserved and faults.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "fake_cuda/functions.h"

namespace fake_cuda {

class DeviceObject {
 public:
  // Null where there is no room.
  static std::unique_ptr<DeviceObject> Create(int device, std::size_t byte_size);
  // Of another process, say; null where there is none any more.
  static std::unique_ptr<DeviceObject> Open(const std::string& token);

  DeviceObject(const DeviceObject&) = delete;
  DeviceObject& operator=(const DeviceObject&) = delete;
  ~DeviceObject();

  DevicePointer address() const { return address_; }
  std::size_t byte_size() const;
  int device() const;
  const std::string& token() const { return token_; }
  // Where copies reach what is at `pointer`.
  std::byte* at(DevicePointer pointer) const { return mapped_ + kHeaderByteSize + (pointer - address_); }
  // Made by this process. A child that was forked has made none.
  bool own() const;
  // Its owner has freed it; those that opened it have its pages still.
  bool ended() const;
  // Frees it for all, and removes its name.
  void End();

 private:
  struct Header;
  static constexpr std::size_t kHeaderByteSize = 4096;

  DeviceObject(std::string token, int file, std::size_t byte_size);
  bool Map(int file);
  Header* header() const { return reinterpret_cast<Header*>(mapped_); }

  const std::string token_;
  const std::size_t total_;  // Of the object, header and all.
  std::byte* mapped_ = nullptr;
  DevicePointer address_ = 0;
};

// The name of an object as 64 bytes. Nothing where the bytes are no handle of ours.
IpcHandle HandleOf(const std::string& token);
std::optional<std::string> TokenOf(const IpcHandle& handle);

}  // namespace fake_cuda
