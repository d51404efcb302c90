#include <cstring>

#include "wire/json_tensor.h"

namespace triton_lite::wire {
namespace {

template <typename T>
void Append(T value, std::string* bytes) {
  char raw[sizeof(value)];
  std::memcpy(raw, &value, sizeof(value));
  bytes->append(raw, sizeof(raw));
}

// Triton keeps the low bytes of an integer that is too large.
void AppendLowBytes(std::uint64_t value, std::size_t width, std::string* bytes) {
  char raw[sizeof(value)];
  std::memcpy(raw, &value, sizeof(value));
  bytes->append(raw, width);
}

Status AppendElement(DataType datatype, const JsonValue& value, std::string* bytes) {
  switch (datatype) {
    case DataType::kBool: {
      ASSIGN_OR_RETURN(const bool element, value.AsBool());
      bytes->push_back(element ? '\1' : '\0');
      return {};
    }
    case DataType::kUint8:
    case DataType::kUint16:
    case DataType::kUint32:
    case DataType::kUint64: {
      ASSIGN_OR_RETURN(const std::uint64_t element, value.AsUint());
      AppendLowBytes(element, ElementByteSize(datatype), bytes);
      return {};
    }
    case DataType::kFp32: {
      ASSIGN_OR_RETURN(const double element, value.AsDouble());
      Append(static_cast<float>(element), bytes);
      return {};
    }
    case DataType::kFp64: {
      ASSIGN_OR_RETURN(const double element, value.AsDouble());
      Append(element, bytes);
      return {};
    }
    case DataType::kBytes: {
      ASSIGN_OR_RETURN(const std::string_view element, value.AsText());
      Append(static_cast<std::uint32_t>(element.size()), bytes);
      bytes->append(element);
      return {};
    }
    default: {
      ASSIGN_OR_RETURN(const std::int64_t element, value.AsInt());
      AppendLowBytes(static_cast<std::uint64_t>(element), ElementByteSize(datatype), bytes);
      return {};
    }
  }
}

class NodeConverter {
 public:
  NodeConverter(DataType datatype, std::int64_t expected_count, std::string* bytes)
      : datatype_(datatype), expected_count_(expected_count), bytes_(bytes) {}

  std::int64_t element_count() const { return element_count_; }

  // Recursion is bounded by kMaxDataDepth.
  Status Convert(const JsonValue& value, int depth) {
    if (depth >= kMaxDataDepth) {
      return InvalidArgument("JSON nesting depth exceeds maximum allowed limit (" + std::to_string(kMaxDataDepth) +
                             ")");
    }
    if (value.IsArray()) {
      for (JsonValue item = value.first(); item != value.end(); item = item.next()) {
        RETURN_IF_ERROR(Convert(item, depth + 1));
      }
      return {};
    }
    if (datatype_ != DataType::kBytes && element_count_ >= expected_count_) {
      return Internal("Shape does not match true shape of 'data' field");
    }
    ++element_count_;
    return Label(AppendElement(datatype_, value, bytes_));
  }

 private:
  Status Label(Status status) const {
    if (status.ok() || datatype_ != DataType::kBytes) {
      return status;
    }
    return {status.code(), "Unable to parse JSON bytes array: " + status.message()};
  }

  DataType datatype_;
  std::int64_t expected_count_;
  std::string* bytes_;
  std::int64_t element_count_ = 0;
};

}  // namespace

Status ConvertNodes(DataType datatype, const JsonValue& data, std::int64_t expected_count, std::string* bytes,
                    std::int64_t* element_count) {
  NodeConverter converter(datatype, expected_count, bytes);
  Status status = converter.Convert(data, 0);
  *element_count = converter.element_count();
  if (!status.ok() && datatype != DataType::kBytes) {
    return {status.code(), "Unable to parse 'data': " + status.message()};
  }
  return status;
}

}  // namespace triton_lite::wire
