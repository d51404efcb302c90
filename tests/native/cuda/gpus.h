// Fake GPUs (fake_cuda/fake_cuda.h) for tests of what uses the driver.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>
#include <numeric>
#include <string>
#include <vector>

#include "check.h"
#include "core/buffer.h"
#include "cuda/driver.h"
#include "fake_cuda/fake_cuda.h"

namespace triton_lite::testing {

inline constexpr int kLaunchFailed = 719;  // CUDA_ERROR_LAUNCH_FAILED
inline constexpr int kOutOfMemory = 2;     // CUDA_ERROR_OUT_OF_MEMORY

// Runs `body` in a process of its own, where the driver is not loaded yet: call it before anything else uses it.
template <typename Body>
void InNewProcess(const char* devices, Body body) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("FAKE_CUDA_DEVICES", devices, 1);
    const int before = Failures();
    body();
    std::_Exit(Failures() - before);
  }
  int status = -1;
  CHECK_EQ(::waitpid(child, &status, 0), child);
  CHECK_EQ(status, 0);
}

// Bytes 1, 2, 3, …
inline std::vector<std::byte> Counting(std::size_t size) {
  std::vector<unsigned char> numbers(size);
  std::iota(numbers.begin(), numbers.end(), static_cast<unsigned char>(1));
  std::vector<std::byte> bytes(size);
  std::memcpy(bytes.data(), numbers.data(), size);
  return bytes;
}

inline Buffer HostBuffer(std::vector<std::byte>* bytes) { return {bytes->data(), bytes->size(), nullptr}; }

// Memory that this process allocates, all zeros.
class DeviceMemory {
 public:
  explicit DeviceMemory(std::size_t size, std::int32_t device_id = 0) : size_(size), device_id_(device_id) {
    const cuda::DeviceScope scope(device_id_);
    CHECK_EQ(fake_cuda::cuMemAlloc_v2(&pointer_, size_), 0);
    Write(std::vector<std::byte>(size_));
  }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
  ~DeviceMemory() {
    const cuda::DeviceScope scope(device_id_);
    CHECK_EQ(fake_cuda::cuMemFree_v2(pointer_), 0);
  }

  void Write(const std::vector<std::byte>& bytes) {
    const cuda::DeviceScope scope(device_id_);
    CHECK_EQ(fake_cuda::cuMemcpyHtoD_v2(pointer_, bytes.data(), bytes.size()), 0);
  }
  std::vector<std::byte> Read() const {
    const cuda::DeviceScope scope(device_id_);
    std::vector<std::byte> bytes(size_);
    CHECK_EQ(fake_cuda::cuMemcpyDtoH_v2(bytes.data(), pointer_, size_), 0);
    return bytes;
  }
  Buffer buffer() const {
    return {reinterpret_cast<std::byte*>(pointer_), size_, nullptr, MemoryKind::kDevice, device_id_};
  }
  cuda::IpcHandle handle() const {
    const cuda::DeviceScope scope(device_id_);
    cuda::IpcHandle handle{};
    CHECK_EQ(fake_cuda::cuIpcGetMemHandle(&handle, pointer_), 0);
    return handle;
  }

 private:
  const std::size_t size_;
  const std::int32_t device_id_;
  cuda::DevicePointer pointer_ = 0;
};

}  // namespace triton_lite::testing
