// Tensor element types: the numbers are those of inference.DataType in protos/model_config.proto.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace triton_lite {

enum class DataType : std::uint8_t {
  kInvalid = 0,
  kBool = 1,
  kUint8 = 2,
  kUint16 = 3,
  kUint32 = 4,
  kUint64 = 5,
  kInt8 = 6,
  kInt16 = 7,
  kInt32 = 8,
  kInt64 = 9,
  kFp16 = 10,
  kFp32 = 11,
  kFp64 = 12,
  kBytes = 13,
  kBf16 = 14,
};

// Bytes of one element; 0 for BYTES (each element has its own length) and kInvalid.
std::size_t ElementByteSize(DataType datatype);

// Whether any bits are a value that no program takes for an address, a length or a choice.
bool IsFloatingPoint(DataType datatype);

// The protocol's name: "FP32", "BYTES", …; "<invalid>" for kInvalid.
std::string_view DataTypeName(DataType datatype);

// kInvalid when `name` is no datatype of the protocol. Exact, upper case.
DataType ParseDataType(std::string_view name);

}  // namespace triton_lite
