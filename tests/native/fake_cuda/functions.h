// What the fake driver exports: the functions that the engine loads, and those that a client process needs besides.
#pragma once

#include <cstddef>

#include "cuda/driver_abi.h"

namespace fake_cuda {

using triton_lite::cuda::DeviceNumber;
using triton_lite::cuda::DevicePointer;
using triton_lite::cuda::IpcHandle;
using triton_lite::cuda::RawContext;
using triton_lite::cuda::RawStream;

#define FAKE_CUDA_CLIENT_FUNCTIONS(F)                         \
  F(cuDriverGetVersion, int*)                                 \
  F(cuCtxGetCurrent, RawContext**)                            \
  F(cuMemAlloc_v2, DevicePointer*, std::size_t)               \
  F(cuMemFree_v2, DevicePointer)                              \
  F(cuIpcGetMemHandle, IpcHandle*, DevicePointer)             \
  F(cuMemcpyHtoD_v2, DevicePointer, const void*, std::size_t) \
  F(cuMemcpyDtoH_v2, void*, DevicePointer, std::size_t)

// Both lists. A function that the engine starts to use and that the fake lacks is an error of the linker.
#define FAKE_CUDA_FUNCTIONS(F) \
  TL_CUDA_FUNCTIONS(F)         \
  FAKE_CUDA_CLIENT_FUNCTIONS(F)

#define FAKE_CUDA_NUMBER(name, ...) name,
enum class Function { FAKE_CUDA_FUNCTIONS(FAKE_CUDA_NUMBER) kCount };
#undef FAKE_CUDA_NUMBER

#define FAKE_CUDA_EXPORT extern "C" __attribute__((visibility("default")))
#define FAKE_CUDA_DECLARE(name, ...) FAKE_CUDA_EXPORT int name(__VA_ARGS__);
FAKE_CUDA_FUNCTIONS(FAKE_CUDA_DECLARE)
#undef FAKE_CUDA_DECLARE

}  // namespace fake_cuda
