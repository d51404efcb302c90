#include "fake_cuda/result.h"

namespace fake_cuda {

const char* Text(int code) {
  switch (code) {
    case kSuccess:
      return "no error";
    case kInvalidValue:
      return "invalid argument";
    case kOutOfMemory:
      return "out of memory";
    case kNotInitialized:
      return "initialization error";
    case kNoDevice:
      return "no CUDA-capable device is detected";
    case kInvalidDevice:
      return "invalid device ordinal";
    case kInvalidContext:
      return "invalid device context";
    case 205:
      return "mapping of buffer object failed";
    case kInvalidHandle:
      return "invalid resource handle";
    case kNotFound:
      return "named symbol not found";
    case kIllegalAddress:
      return "an illegal memory access was encountered";
    case 719:
      return "unspecified launch failure";
    case 999:
      return "unknown error";
    default:
      return nullptr;
  }
}

}  // namespace fake_cuda
