#include "engine/tensor_bytes.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>

#include "engine/request_builder.h"

namespace triton_lite {
namespace {

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

std::string InputOfModel(const InputTensor& input, std::string_view model_name) {
  return "input '" + input.name + "' for model '" + std::string(model_name) + "'";
}

Status SizeMismatch(const InputTensor& input, std::string_view model_name, std::int64_t expected,
                    const InferenceRequest& request) {
  return InvalidArgument(RequestIdText(request) + "input byte size mismatch for " + InputOfModel(input, model_name) +
                         ". Expected " + std::to_string(expected) + ", got " + std::to_string(input.data.size));
}

bool HasNegative(const Shape& shape) {
  return std::any_of(shape.begin(), shape.end(), [](std::int64_t dim) { return dim < 0; });
}

Status InvalidDimension(const InputTensor& input) {
  return InvalidArgument("tensor '" + input.name + "' contains an invalid dimension " + ShapeText(input.model_shape));
}

// The text of an overflow shows what is left of the product in 64 bits, as Triton's does.
Status Overflow(const InputTensor& input, std::string_view model_name, const InferenceRequest& request) {
  std::uint64_t wrapped = ElementByteSize(input.datatype);
  for (const std::int64_t dim : input.model_shape) {
    wrapped *= static_cast<std::uint64_t>(dim);
  }
  if (wrapped != input.data.size) {
    return SizeMismatch(input, model_name, static_cast<std::int64_t>(wrapped), request);
  }
  return InvalidArgument("byte size for tensor '" + input.name + "' exceeds maximum size of " +
                         std::to_string(kMaxInt64));
}

Status CheckByteSize(const InputTensor& input, std::string_view model_name, const InferenceRequest& request) {
  const auto element_byte_size = static_cast<std::int64_t>(ElementByteSize(input.datatype));
  const std::optional<std::int64_t> count = ElementCount(input.model_shape);
  if (!count || *count > kMaxInt64 / element_byte_size) {
    return HasNegative(input.model_shape) ? InvalidDimension(input) : Overflow(input, model_name, request);
  }
  const std::int64_t expected = *count * element_byte_size;
  return static_cast<std::uint64_t>(expected) == input.data.size ? Status()
                                                                 : SizeMismatch(input, model_name, expected, request);
}

Status CheckStrings(const InputTensor& input, std::string_view model_name, const InferenceRequest& request,
                    Status* in_model) {
  const std::optional<std::int64_t> count = ElementCount(input.model_shape);
  if (!count) {
    return HasNegative(input.model_shape) ? InvalidDimension(input)
                                          : InvalidArgument("element count for tensor '" + input.name +
                                                            "' exceeds maximum size of " + std::to_string(kMaxInt64));
  }
  const auto name = [&] { return "inference " + InputOfModel(input, model_name); };
  Bytes rest = input.data.bytes();
  std::int64_t checked = 0;
  std::uint64_t missing = 0;  // Bytes that the last element lacks; only the last one can.
  std::uint32_t length = 0;
  while (!rest.empty()) {
    if (rest.size() < sizeof(length)) {
      return InvalidArgument(RequestIdText(request) + "incomplete string length indicator for " + name() +
                             ", expecting 4 bytes but only " + std::to_string(rest.size()) +
                             " bytes available. Please make sure the string length indicator is in one buffer.");
    }
    std::memcpy(&length, rest.data(), sizeof(length));
    if (++checked > *count) {
      return InvalidArgument(RequestIdText(request) + "unexpected number of string elements " +
                             std::to_string(checked) + " for " + name() + ", expecting " + std::to_string(*count));
    }
    rest = rest.subspan(sizeof(length));
    missing = length > rest.size() ? length - rest.size() : 0;
    rest = rest.subspan(std::min<std::size_t>(length, rest.size()));
  }
  if (checked != *count) {
    return InvalidArgument(RequestIdText(request) + "expected " + std::to_string(*count) + " string elements for " +
                           name() + ", got " + std::to_string(checked));
  }
  if (missing > 0 && in_model->ok()) {
    *in_model =
        InvalidArgument("incomplete string data for inference input '" + input.name + "', expecting string of length " +
                        std::to_string(length) + " but only " + std::to_string(length - missing) + " bytes available");
  }
  return {};
}

}  // namespace

Status CheckTensorBytes(const InputTensor& input, std::string_view model_name, const InferenceRequest& request,
                        Status* in_model) {
  return input.datatype == DataType::kBytes ? CheckStrings(input, model_name, request, in_model)
                                            : CheckByteSize(input, model_name, request);
}

}  // namespace triton_lite
