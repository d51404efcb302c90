#include "core/datatype.h"

#include <array>

namespace triton_lite {
namespace {

struct Entry {
  std::string_view name;
  std::size_t byte_size;
};

// Indexed by the DataType's number.
constexpr std::array<Entry, 15> kTypes = {{{"<invalid>", 0},
                                           {"BOOL", 1},
                                           {"UINT8", 1},
                                           {"UINT16", 2},
                                           {"UINT32", 4},
                                           {"UINT64", 8},
                                           {"INT8", 1},
                                           {"INT16", 2},
                                           {"INT32", 4},
                                           {"INT64", 8},
                                           {"FP16", 2},
                                           {"FP32", 4},
                                           {"FP64", 8},
                                           {"BYTES", 0},
                                           {"BF16", 2}}};

const Entry& EntryOf(DataType datatype) {
  const auto index = static_cast<std::size_t>(datatype);
  return kTypes[index < kTypes.size() ? index : 0];
}

}  // namespace

std::size_t ElementByteSize(DataType datatype) { return EntryOf(datatype).byte_size; }

bool IsFloatingPoint(DataType datatype) {
  return datatype == DataType::kFp16 || datatype == DataType::kFp32 || datatype == DataType::kFp64 ||
         datatype == DataType::kBf16;
}

std::string_view DataTypeName(DataType datatype) { return EntryOf(datatype).name; }

DataType ParseDataType(std::string_view name) {
  for (std::size_t i = 1; i < kTypes.size(); ++i) {
    if (kTypes[i].name == name) {
      return static_cast<DataType>(i);
    }
  }
  return DataType::kInvalid;
}

}  // namespace triton_lite
