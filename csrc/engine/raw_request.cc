// BuildRawRequest of request_builder.h: what the HTTP raw binary request leaves out is deduced from the model.
#include <cstring>
#include <limits>
#include <string>
#include <utility>

#include "engine/request_builder.h"

namespace triton_lite {
namespace {

struct Deduced {
  Shape shape;
  std::ptrdiff_t variable_axis = -1;
  std::uint64_t fixed_elements = 1;  // Of the other axes; wraps, like the shape check that follows.
};

Result<Deduced> DeduceShape(const ServedModel& model, const TensorSpec& input, const InferenceRequest& request) {
  Deduced deduced;
  if (model.batches()) {
    deduced.shape.push_back(1);
  }
  for (const std::int64_t dim : input.dims) {
    if (dim == -1) {
      if (deduced.variable_axis != -1) {
        return InvalidArgument(RequestIdText(request) + "The shape of the raw input '" + input.name +
                               "' can not be deduced because there are more than one variable-sized dimension");
      }
      deduced.variable_axis = static_cast<std::ptrdiff_t>(deduced.shape.size());
    } else {
      deduced.fixed_elements *= static_cast<std::uint64_t>(dim);
    }
    deduced.shape.push_back(dim);
  }
  return deduced;
}

// One string without a length of its own becomes one element.
Result<Buffer> WithLength(Bytes raw) {
  if (raw.size() > std::numeric_limits<std::uint32_t>::max()) {
    return InvalidArgument("raw input of " + std::to_string(raw.size()) + " bytes is too long for one string element");
  }
  ASSIGN_OR_RETURN(Buffer data, AllocateHeap(raw.size() + sizeof(std::uint32_t)));
  const auto length = static_cast<std::uint32_t>(raw.size());
  std::memcpy(data.data, &length, sizeof(length));
  if (!raw.empty()) {
    std::memcpy(data.data + sizeof(length), raw.data(), raw.size());
  }
  return data;
}

}  // namespace

Status BuildRawRequest(const ServedModel& model, Bytes raw, const std::shared_ptr<void>& keep_alive,
                       InferenceRequest* request) {
  const ModelSpec& spec = model.spec();
  if (spec.inputs.size() != 1) {
    return InvalidArgument(RequestIdText(*request) +
                           "Raw request must only have 1 input (found 1) to be deduced but got " +
                           std::to_string(spec.inputs.size()) + " inputs in '" + spec.name + "' model configuration");
  }
  const TensorSpec& input = spec.inputs.front();
  ASSIGN_OR_RETURN(Deduced deduced, DeduceShape(model, input, *request));
  Buffer data{const_cast<std::byte*>(raw.data()), raw.size(), keep_alive};
  if (input.datatype == DataType::kBytes) {
    if (deduced.variable_axis != -1 || deduced.fixed_elements != 1) {
      return InvalidArgument(RequestIdText(*request) + "For BYTE datatype raw input '" + input.name +
                             "', the model must have input shape [1]");
    }
    ASSIGN_OR_RETURN(data, WithLength(raw));
  } else if (deduced.variable_axis != -1) {
    const std::uint64_t row = deduced.fixed_elements * ElementByteSize(input.datatype);
    deduced.shape[static_cast<std::size_t>(deduced.variable_axis)] =
        row == 0 ? 0 : static_cast<std::int64_t>(raw.size() / row);
  }
  request->inputs.push_back({input.name, input.datatype, deduced.shape, std::move(data), {}});
  return {};
}

}  // namespace triton_lite
