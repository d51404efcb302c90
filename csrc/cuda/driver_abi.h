// The part of the CUDA driver API that is used here: opaque types, and the functions as the library exports them.
// Nothing of NVIDIA's is needed to build; the suffixes name the versions of the functions that are meant.
#pragma once

#include <cstddef>
#include <cstdint>

namespace triton_lite::cuda {

struct RawContext;
struct RawStream;
using DevicePointer = std::uint64_t;  // CUdeviceptr
using DeviceNumber = int;             // CUdevice

inline constexpr std::size_t kIpcHandleByteSize = 64;
// CUipcMemHandle; the runtime's cudaIpcMemHandle_t has the same bytes.
struct IpcHandle {
  std::byte bytes[kIpcHandleByteSize];
};

inline constexpr int kSuccess = 0;
inline constexpr unsigned kStreamNonBlocking = 1;
inline constexpr unsigned kHostPortable = 1;       // Pinned for all contexts.
inline constexpr unsigned kIpcLazyPeerAccess = 1;  // The only value that cuIpcOpenMemHandle takes.
inline constexpr int kAttributeDeviceOrdinal = 9;  // CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL
inline constexpr int kAttributeMemoryType = 2;     // CU_POINTER_ATTRIBUTE_MEMORY_TYPE
inline constexpr unsigned kMemoryTypeDevice = 2;   // CU_MEMORYTYPE_DEVICE

// F(name, argument types…); all return a CUresult.
#define TL_CUDA_FUNCTIONS(F)                                                     \
  F(cuInit, unsigned)                                                            \
  F(cuGetErrorString, int, const char**)                                         \
  F(cuDeviceGetCount, int*)                                                      \
  F(cuDeviceGet, DeviceNumber*, int)                                             \
  F(cuDevicePrimaryCtxRetain, RawContext**, DeviceNumber)                        \
  F(cuCtxPushCurrent_v2, RawContext*)                                            \
  F(cuCtxPopCurrent_v2, RawContext**)                                            \
  F(cuStreamCreate, RawStream**, unsigned)                                       \
  F(cuStreamDestroy_v2, RawStream*)                                              \
  F(cuStreamSynchronize, RawStream*)                                             \
  F(cuMemcpyHtoDAsync_v2, DevicePointer, const void*, std::size_t, RawStream*)   \
  F(cuMemcpyDtoHAsync_v2, void*, DevicePointer, std::size_t, RawStream*)         \
  F(cuMemcpyDtoDAsync_v2, DevicePointer, DevicePointer, std::size_t, RawStream*) \
  F(cuMemHostAlloc, void**, std::size_t, unsigned)                               \
  F(cuMemFreeHost, void*)                                                        \
  F(cuMemGetAddressRange_v2, DevicePointer*, std::size_t*, DevicePointer)        \
  F(cuIpcOpenMemHandle_v2, DevicePointer*, IpcHandle, unsigned)                  \
  F(cuIpcCloseMemHandle, DevicePointer)                                          \
  F(cuPointerGetAttribute, void*, int, DevicePointer)

// The functions by name, filled from the library.
struct Functions {
#define TL_CUDA_MEMBER(name, ...) int (*name)(__VA_ARGS__) = nullptr;
  TL_CUDA_FUNCTIONS(TL_CUDA_MEMBER)
#undef TL_CUDA_MEMBER
};

}  // namespace triton_lite::cuda
