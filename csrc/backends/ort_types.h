// Element types of ONNX Runtime and of the protocol.
#pragma once

#include "backends/ort_abi.h"
#include "core/datatype.h"

namespace triton_lite::ort {

// kInvalid for complex numbers and other types that the protocol does not have.
DataType FromElementType(ElementType type);

// kUndefined for kInvalid.
ElementType ToElementType(DataType datatype);

}  // namespace triton_lite::ort
