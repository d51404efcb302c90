#include "fake_cuda/contexts.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "fake_cuda/control.h"
#include "fake_cuda/result.h"

namespace fake_cuda {
namespace {

constexpr int kMostDevices = 16;

struct Machine {
  std::atomic<int> devices = 0;
  std::atomic<pid_t> process = 0;
  std::array<std::atomic<bool>, kMostDevices> retained{};
};

Machine& TheMachine() {
  static Machine machine;
  return machine;
}

// A context is the address of its device's flag, which says that it was retained.
RawContext* ContextOf(int device) {
  return reinterpret_cast<RawContext*>(&TheMachine().retained[static_cast<std::size_t>(device)]);
}

std::optional<int> DeviceOf(const RawContext* context) {
  for (int device = 0; device < DeviceCount(); ++device) {
    if (ContextOf(device) == context && TheMachine().retained[static_cast<std::size_t>(device)]) {
      return device;
    }
  }
  return std::nullopt;
}

std::vector<RawContext*>& Stack() {
  thread_local std::vector<RawContext*> stack;
  return stack;
}

}  // namespace

int Initialize() {
  const char* devices = std::getenv("FAKE_CUDA_DEVICES");
  TheMachine().devices = devices != nullptr ? std::clamp(std::atoi(devices), 0, kMostDevices) : 1;
  if (DeviceCount() == 0) {
    return kNoDevice;
  }
  TheMachine().process = ::getpid();
  return kSuccess;
}

int Initialized() { return TheMachine().process == ::getpid() ? kSuccess : kNotInitialized; }

int DeviceCount() { return TheMachine().devices; }
bool IsDevice(int device) { return device >= 0 && device < DeviceCount(); }

int Retain(int device, RawContext** context) {
  if (!IsDevice(device)) {
    return kInvalidDevice;
  }
  if (context == nullptr) {
    return kInvalidValue;
  }
  TheMachine().retained[static_cast<std::size_t>(device)] = true;
  *context = ContextOf(device);
  return kSuccess;
}

int Push(RawContext* context) {
  if (!DeviceOf(context)) {
    return kInvalidContext;
  }
  Stack().push_back(context);
  TheControl().Count(Kind::kContexts, 1);
  return kSuccess;
}

int Pop(RawContext** context) {
  if (Stack().empty()) {
    return kInvalidContext;
  }
  if (context != nullptr) {
    *context = Stack().back();
  }
  Stack().pop_back();
  TheControl().Count(Kind::kContexts, -1);
  return kSuccess;
}

RawContext* Current() { return Stack().empty() ? nullptr : Stack().back(); }

std::optional<int> CurrentDevice() { return DeviceOf(Current()); }

}  // namespace fake_cuda
