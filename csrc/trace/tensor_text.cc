#include <algorithm>
#include <cstdio>
#include <cstring>
#include <type_traits>

#include "trace/trace_json.h"

namespace triton_lite {
namespace {

// As C++ streams print them.
template <typename T>
void AppendNumber(T value, std::string* text) {
  char digits[32];
  int length = 0;
  if constexpr (std::is_floating_point_v<T>) {
    length = std::snprintf(digits, sizeof(digits), "%g", static_cast<double>(value));
  } else if constexpr (std::is_signed_v<T>) {
    length = std::snprintf(digits, sizeof(digits), "%lld", static_cast<long long>(value));
  } else {
    length = std::snprintf(digits, sizeof(digits), "%llu", static_cast<unsigned long long>(value));
  }
  text->append(digits, static_cast<std::size_t>(length));
}

template <typename T>
std::string Numbers(const std::string& bytes, std::uint64_t count) {
  std::string text;
  const std::uint64_t there = std::min<std::uint64_t>(count, bytes.size() / sizeof(T));
  for (std::uint64_t i = 0; i < there; ++i) {
    T value;
    std::memcpy(&value, bytes.data() + i * sizeof(T), sizeof(T));
    text += i > 0 ? "," : "";
    AppendNumber(value, &text);
  }
  return text;
}

std::string Bools(const std::string& bytes, std::uint64_t count) {
  std::string text;
  for (std::uint64_t i = 0; i < std::min<std::uint64_t>(count, bytes.size()); ++i) {
    text += i > 0 ? "," : "";
    text += bytes[i] == 0 ? '0' : '1';
  }
  return text;
}

std::string Strings(const std::string& bytes, std::uint64_t count) {
  std::string text;
  std::size_t at = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint32_t length = 0;
    if (bytes.size() - at < sizeof(length)) {
      break;
    }
    std::memcpy(&length, bytes.data() + at, sizeof(length));
    at += sizeof(length);
    if (bytes.size() - at < length) {
      break;
    }
    text += i > 0 ? ",\"" : "\"";
    text.append(bytes, at, length);
    text += '"';
    at += length;
  }
  return text;
}

}  // namespace

std::string TensorToText(DataType datatype, const Shape& shape, const std::string& bytes) {
  const auto count = static_cast<std::uint64_t>(ElementCount(shape).value_or(0));
  switch (datatype) {
    case DataType::kBool:
      return Bools(bytes, count);
    case DataType::kUint8:
      return Numbers<std::uint8_t>(bytes, count);
    case DataType::kUint16:
      return Numbers<std::uint16_t>(bytes, count);
    case DataType::kUint32:
      return Numbers<std::uint32_t>(bytes, count);
    case DataType::kUint64:
      return Numbers<std::uint64_t>(bytes, count);
    case DataType::kInt8:
      return Numbers<std::int8_t>(bytes, count);
    case DataType::kInt16:
      return Numbers<std::int16_t>(bytes, count);
    case DataType::kInt32:
      return Numbers<std::int32_t>(bytes, count);
    case DataType::kInt64:
      return Numbers<std::int64_t>(bytes, count);
    case DataType::kFp32:
      return Numbers<float>(bytes, count);
    case DataType::kFp64:
      return Numbers<double>(bytes, count);
    case DataType::kBytes:
      return Strings(bytes, count);
    case DataType::kFp16:
    case DataType::kBf16:
    case DataType::kInvalid:
      break;
  }
  return {};
}

}  // namespace triton_lite
