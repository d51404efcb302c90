// The exported functions: each counts its call, fails where a rule says so, and checks what a driver would check first.
#include <cstdint>
#include <optional>

#include "fake_cuda/contexts.h"
#include "fake_cuda/control.h"
#include "fake_cuda/fake_cuda.h"
#include "fake_cuda/memory.h"
#include "fake_cuda/result.h"
#include "fake_cuda/streams.h"

namespace fake_cuda {
namespace {

constexpr int kVersion = 12040;

template <typename Body>
int Anywhere(Function function, Body body) {
  if (const int failure = TheControl().Enter(function); failure != kSuccess) {
    return failure;
  }
  const int result = body();
  if (result != kSuccess) {
    ++TheControl().of(function).refused;
  }
  return result;
}

// For what needs cuInit.
template <typename Body>
int AfterInit(Function function, Body body) {
  return Anywhere(function, [&] {
    const int initialized = Initialized();
    return initialized == kSuccess ? body() : initialized;
  });
}

// For what needs a context on this thread; the body takes its device.
template <typename Body>
int InContext(Function function, Body body) {
  return AfterInit(function, [&]() -> int {
    const std::optional<int> device = CurrentDevice();
    return device ? body(*device) : kInvalidContext;
  });
}

template <typename T>
int Store(T* place, T value) {
  if (place == nullptr) {
    return kInvalidValue;
  }
  *place = value;
  return kSuccess;
}

std::uint64_t Address(const void* pointer) { return reinterpret_cast<std::uint64_t>(pointer); }

int CopyNow(Function function, Copy copy) {
  return InContext(function, [&](int) {
    const int checked = TheMemory().Check(copy);
    return checked == kSuccess ? TheMemory().Run(copy) : checked;
  });
}

int CopyLater(Function function, Copy copy, RawStream* handle) {
  return InContext(function, [&](int) -> int {
    const auto stream = TheStreams().Find(handle);
    if (stream == nullptr) {
      return kInvalidHandle;
    }
    const int checked = TheMemory().Check(copy);
    if (checked == kSuccess) {
      stream->Queue(copy);
    }
    return checked;
  });
}

}  // namespace

int cuInit(unsigned flags) {
  return Anywhere(Function::cuInit, [&]() -> int { return flags == 0 ? Initialize() : kInvalidValue; });
}

int cuDriverGetVersion(int* version) {
  return Anywhere(Function::cuDriverGetVersion, [&] { return Store(version, kVersion); });
}

int cuGetErrorString(int code, const char** text) {
  return Anywhere(Function::cuGetErrorString, [&]() -> int {
    const int stored = Store(text, Text(code));
    return stored == kSuccess && *text != nullptr ? kSuccess : kInvalidValue;
  });
}

int cuDeviceGetCount(int* count) {
  return AfterInit(Function::cuDeviceGetCount, [&] { return Store(count, DeviceCount()); });
}

int cuDeviceGet(DeviceNumber* device, int ordinal) {
  return AfterInit(Function::cuDeviceGet, [&] { return IsDevice(ordinal) ? Store(device, ordinal) : kInvalidDevice; });
}

int cuDevicePrimaryCtxRetain(RawContext** context, DeviceNumber device) {
  return AfterInit(Function::cuDevicePrimaryCtxRetain, [&] { return Retain(device, context); });
}

int cuCtxPushCurrent_v2(RawContext* context) {
  return AfterInit(Function::cuCtxPushCurrent_v2, [&] { return Push(context); });
}

int cuCtxPopCurrent_v2(RawContext** context) {
  return AfterInit(Function::cuCtxPopCurrent_v2, [&] { return Pop(context); });
}

int cuCtxGetCurrent(RawContext** context) {
  return AfterInit(Function::cuCtxGetCurrent, [&] { return Store(context, Current()); });
}

int cuStreamCreate(RawStream** stream, unsigned flags) {
  return InContext(Function::cuStreamCreate, [&](int) -> int {
    const bool valid = stream != nullptr && (flags & ~triton_lite::cuda::kStreamNonBlocking) == 0;
    return valid ? Store(stream, TheStreams().Create()) : kInvalidValue;
  });
}

int cuStreamDestroy_v2(RawStream* stream) {
  return InContext(Function::cuStreamDestroy_v2, [&](int) { return TheStreams().Destroy(stream); });
}

// The default streams (none, the legacy one, the thread's) have nothing queued: copies on them are done at once.
int cuStreamSynchronize(RawStream* handle) {
  if (reinterpret_cast<std::uintptr_t>(handle) <= 2) {
    return InContext(Function::cuStreamSynchronize, [](int) -> int { return kSuccess; });
  }
  const auto stream = TheStreams().Find(handle);
  bool entered = false;
  const int result = InContext(Function::cuStreamSynchronize, [&](int) -> int {
    entered = true;
    return stream != nullptr ? stream->Synchronize() : kInvalidHandle;
  });
  if (result != kSuccess && !entered && stream != nullptr) {
    stream->Drop();  // Nothing more comes of a stream that failed.
  }
  return result;
}

int cuMemcpyHtoDAsync_v2(DevicePointer target, const void* source, std::size_t byte_size, RawStream* stream) {
  return CopyLater(Function::cuMemcpyHtoDAsync_v2, {Direction::kToDevice, target, Address(source), byte_size}, stream);
}

int cuMemcpyDtoHAsync_v2(void* target, DevicePointer source, std::size_t byte_size, RawStream* stream) {
  return CopyLater(Function::cuMemcpyDtoHAsync_v2, {Direction::kToHost, Address(target), source, byte_size}, stream);
}

int cuMemcpyDtoDAsync_v2(DevicePointer target, DevicePointer source, std::size_t byte_size, RawStream* stream) {
  return CopyLater(Function::cuMemcpyDtoDAsync_v2, {Direction::kOnDevice, target, source, byte_size}, stream);
}

int cuMemcpyHtoD_v2(DevicePointer target, const void* source, std::size_t byte_size) {
  return CopyNow(Function::cuMemcpyHtoD_v2, {Direction::kToDevice, target, Address(source), byte_size});
}

int cuMemcpyDtoH_v2(void* target, DevicePointer source, std::size_t byte_size) {
  return CopyNow(Function::cuMemcpyDtoH_v2, {Direction::kToHost, Address(target), source, byte_size});
}

int cuMemHostAlloc(void** pointer, std::size_t byte_size, unsigned flags) {
  constexpr unsigned kFlags = 7;  // Portable, mapped for the device, write-combined.
  return InContext(Function::cuMemHostAlloc, [&](int) -> int {
    return (flags & ~kFlags) == 0 ? TheMemory().AllocateHost(byte_size, pointer) : kInvalidValue;
  });
}

int cuMemFreeHost(void* pointer) {
  return InContext(Function::cuMemFreeHost, [&](int) { return TheMemory().FreeHost(pointer); });
}

int cuMemAlloc_v2(DevicePointer* pointer, std::size_t byte_size) {
  return InContext(Function::cuMemAlloc_v2,
                   [&](int device) { return TheMemory().Allocate(device, byte_size, pointer); });
}

int cuMemFree_v2(DevicePointer pointer) {
  return InContext(Function::cuMemFree_v2, [&](int) { return TheMemory().Free(pointer); });
}

int cuMemGetAddressRange_v2(DevicePointer* base, std::size_t* byte_size, DevicePointer pointer) {
  return InContext(Function::cuMemGetAddressRange_v2,
                   [&](int) { return TheMemory().AddressRange(pointer, base, byte_size); });
}

int cuPointerGetAttribute(void* value, int attribute, DevicePointer pointer) {
  return AfterInit(Function::cuPointerGetAttribute, [&] { return TheMemory().Attribute(pointer, attribute, value); });
}

int cuIpcGetMemHandle(IpcHandle* handle, DevicePointer pointer) {
  return InContext(Function::cuIpcGetMemHandle, [&](int) { return TheMemory().Export(pointer, handle); });
}

int cuIpcOpenMemHandle_v2(DevicePointer* pointer, IpcHandle handle, unsigned flags) {
  return InContext(Function::cuIpcOpenMemHandle_v2, [&](int device) -> int {
    const bool valid = flags == triton_lite::cuda::kIpcLazyPeerAccess;
    return valid ? TheMemory().Open(device, handle, pointer) : kInvalidValue;
  });
}

int cuIpcCloseMemHandle(DevicePointer pointer) {
  return InContext(Function::cuIpcCloseMemHandle, [&](int device) { return TheMemory().Close(device, pointer); });
}

}  // namespace fake_cuda
