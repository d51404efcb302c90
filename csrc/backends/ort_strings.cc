#include "backends/ort_strings.h"

#include <cstdint>
#include <cstring>

#include "backends/ort_handles.h"
#include "backends/ort_library.h"

namespace triton_lite::ort {
namespace {

constexpr std::size_t kLengthByteSize = sizeof(std::uint32_t);

}  // namespace

Status FillStrings(const std::string& input_name, Bytes data, std::size_t count, std::size_t first, Value* value) {
  std::size_t element = 0;
  while (data.size() >= kLengthByteSize) {
    if (element >= count) {
      return InvalidArgument("unexpected number of string elements " + std::to_string(element + 1) +
                             " for inference input '" + input_name + "', expecting " + std::to_string(count));
    }
    std::uint32_t length = 0;
    std::memcpy(&length, data.data(), kLengthByteSize);
    data = data.subspan(kLengthByteSize);
    if (data.size() < length) {
      return InvalidArgument("incomplete string data for inference input '" + input_name +
                             "', expecting string of length " + std::to_string(length) + " but only " +
                             std::to_string(data.size()) + " bytes available");
    }
    char* target = nullptr;
    RETURN_IF_ERROR(Take(Api().GetResizedStringTensorElementBuffer(value, first + element, length, &target)));
    if (length > 0) {
      std::memcpy(target, data.data(), length);
    }
    data = data.subspan(length);
    ++element;
  }
  if (!data.empty()) {
    return InvalidArgument("incomplete string length indicator for inference input '" + input_name + "', expecting " +
                           std::to_string(kLengthByteSize) + " bytes but only " + std::to_string(data.size()) +
                           " bytes available");
  }
  if (element != count) {
    return Internal("expected " + std::to_string(count) + " strings for inference input '" + input_name + "', got " +
                    std::to_string(element));
  }
  return {};
}

Status StringContent::Read(const Value* value, std::size_t count) {
  std::size_t byte_size = 0;
  RETURN_IF_ERROR(Take(Api().GetStringTensorDataLength(value, &byte_size)));
  characters_.resize(byte_size);
  offsets_.assign(count + 1, byte_size);
  return Take(Api().GetStringTensorContent(value, characters_.data(), byte_size, offsets_.data(), count));
}

std::size_t StringContent::SerializedByteSize(std::size_t first, std::size_t count) const {
  return offsets_[first + count] - offsets_[first] + count * kLengthByteSize;
}

void StringContent::Serialize(std::size_t first, std::size_t count, MutableBytes out) const {
  std::byte* to = out.data();
  for (std::size_t i = first; i < first + count; ++i) {
    const auto length = static_cast<std::uint32_t>(offsets_[i + 1] - offsets_[i]);
    std::memcpy(to, &length, kLengthByteSize);
    if (length > 0) {
      std::memcpy(to + kLengthByteSize, characters_.data() + offsets_[i], length);
    }
    to += kLengthByteSize + length;
  }
}

}  // namespace triton_lite::ort
