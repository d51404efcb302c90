#include "backends/identity_check.h"

#include <algorithm>
#include <cctype>
#include <map>
#include <string>

namespace triton_lite {
namespace {

using ByIndex = std::map<std::string, const TensorSpec*>;

// Adds `tensor` under what follows `prefix` in its name.
Status AddByIndex(const TensorSpec& tensor, const std::string& prefix, const std::string& direction, ByIndex* index) {
  const std::string number = tensor.name.rfind(prefix, 0) == 0 ? tensor.name.substr(prefix.size()) : "";
  if (number.empty() || !std::all_of(number.begin(), number.end(), [](unsigned char c) { return std::isdigit(c); })) {
    return InvalidArgument("expected " + direction + " name to follow " + prefix + "<index> pattern, got '" +
                           tensor.name + "'");
  }
  index->emplace(number, &tensor);
  return {};
}

const Shape& ShapeOf(const TensorSpec& tensor) { return tensor.reshape ? *tensor.reshape : tensor.dims; }

std::string TypeText(DataType datatype) {
  return datatype == DataType::kBytes ? "TYPE_STRING" : "TYPE_" + std::string(DataTypeName(datatype));
}

}  // namespace

Status CheckIdentitySpec(const ModelSpec& spec) {
  if (spec.inputs.size() != spec.outputs.size()) {
    return InvalidArgument("model configuration must have equal input/output pairs");
  }
  ByIndex inputs;
  ByIndex outputs;
  for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
    RETURN_IF_ERROR(AddByIndex(spec.inputs[i], kIdentityInput, "input", &inputs));
    RETURN_IF_ERROR(AddByIndex(spec.outputs[i], kIdentityOutput, "output", &outputs));
  }
  for (const auto& [number, output] : outputs) {
    const auto it = inputs.find(number);
    if (it == inputs.end()) {
      return InvalidArgument("expected input and output indices to match");
    }
    const TensorSpec& input = *it->second;
    if (input.datatype != output->datatype) {
      return InvalidArgument("expected input and output datatype to match, got " + TypeText(input.datatype) + " and " +
                             TypeText(output->datatype));
    }
    if (!(ShapeOf(input) == ShapeOf(*output))) {
      return InvalidArgument("expected input and output shape to match, got " + ShapeText(ShapeOf(input)) + " and " +
                             ShapeText(ShapeOf(*output)));
    }
  }
  return {};
}

}  // namespace triton_lite
