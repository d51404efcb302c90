#include "backends/ort_types.h"

#include <algorithm>
#include <array>

namespace triton_lite::ort {
namespace {

struct Pair {
  DataType datatype;
  ElementType element;
};

constexpr std::array kPairs{
    Pair{DataType::kBool, ElementType::kBool},     Pair{DataType::kUint8, ElementType::kUint8},
    Pair{DataType::kUint16, ElementType::kUint16}, Pair{DataType::kUint32, ElementType::kUint32},
    Pair{DataType::kUint64, ElementType::kUint64}, Pair{DataType::kInt8, ElementType::kInt8},
    Pair{DataType::kInt16, ElementType::kInt16},   Pair{DataType::kInt32, ElementType::kInt32},
    Pair{DataType::kInt64, ElementType::kInt64},   Pair{DataType::kFp16, ElementType::kFloat16},
    Pair{DataType::kFp32, ElementType::kFloat},    Pair{DataType::kFp64, ElementType::kDouble},
    Pair{DataType::kBytes, ElementType::kString},  Pair{DataType::kBf16, ElementType::kBfloat16},
};

}  // namespace

DataType FromElementType(ElementType type) {
  const auto it = std::find_if(kPairs.begin(), kPairs.end(), [&](const Pair& pair) { return pair.element == type; });
  return it == kPairs.end() ? DataType::kInvalid : it->datatype;
}

ElementType ToElementType(DataType datatype) {
  const auto it =
      std::find_if(kPairs.begin(), kPairs.end(), [&](const Pair& pair) { return pair.datatype == datatype; });
  return it == kPairs.end() ? ElementType::kUndefined : it->element;
}

}  // namespace triton_lite::ort
