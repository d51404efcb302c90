// DLPack's structures, in the form that every producer and consumer knows (without a version).
#pragma once

#include <cstdint>

namespace triton_lite::dlpack {

inline constexpr char kCapsule[] = "dltensor";
inline constexpr char kUsedCapsule[] = "used_dltensor";
inline constexpr std::int32_t kCuda = 2;  // kDLCUDA

struct Device {
  std::int32_t type;
  std::int32_t id;
};

struct ElementType {
  std::uint8_t code;
  std::uint8_t bits;
  std::uint16_t lanes;
};

struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  ElementType dtype;
  std::int64_t* shape;    // [ndim]
  std::int64_t* strides;  // [ndim] in elements; null: row by row without gaps.
  std::uint64_t byte_offset;
};

struct ManagedTensor {
  Tensor tensor;
  void* manager;
  void (*deleter)(ManagedTensor*);  // Called by whoever took the tensor, when it is done with it.
};

}  // namespace triton_lite::dlpack
