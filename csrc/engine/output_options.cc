#include "engine/output_options.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "engine/shared_memory_parameters.h"

namespace triton_lite {
namespace {

using wire::InferOutputView;

Status SetClassification(const wire::ParameterView& value, RequestedOutput* output) {
  const auto* count = std::get_if<std::int64_t>(&value);
  if (count == nullptr) {
    return InvalidArgument("invalid value type for 'classification' parameter, expected int64_param");
  }
  if (*count <= 0) {
    return InvalidArgument("invalid value for 'classification' parameter, expected >= 0");
  }
  constexpr std::int64_t kMost = std::numeric_limits<std::uint32_t>::max();
  output->class_count = static_cast<std::uint32_t>(std::min(*count, kMost));
  return {};
}

struct ToValue {
  ParameterValue operator()(std::monostate) const { return false; }
  ParameterValue operator()(std::string_view text) const { return std::string(text); }
  template <typename Number>
  ParameterValue operator()(Number number) const {
    return number;
  }
};

Status AddOutput(const InferOutputView& view, const RegionRegistry& regions, RequestedOutput* output,
                 CallOptions* options) {
  ASSIGN_OR_RETURN(const auto named, ReadRegionPart(view.name, view.parameters));
  for (const auto& [name, value] : view.parameters) {
    if (name == "classification") {
      RETURN_IF_ERROR(SetClassification(value, output));
    } else if (!std::holds_alternative<std::monostate>(value)) {
      output->parameters.Set(std::string(name), std::visit(ToValue(), value));
    }
  }
  if (named && output->class_count > 0) {
    return InvalidArgument("output can't set both 'shared_memory_region' and 'classification'");
  }
  if (named) {
    ASSIGN_OR_RETURN(RegionRegistry::Part part, regions.Find(named->region, named->offset, named->byte_size));
    output->region = std::move(part.place);
    options->regions.Add(std::move(part.checked), std::move(part.use));
  }
  return {};
}

}  // namespace

Status AddOutputs(const wire::InferRequestView& view, const RegionRegistry& regions, InferenceRequest* request,
                  CallOptions* options) {
  request->outputs.reserve(view.outputs.size());
  for (const InferOutputView& output : view.outputs) {
    RequestedOutput& added = request->outputs.emplace_back();
    added.name = output.name;
    RETURN_IF_ERROR(AddOutput(output, regions, &added, options));
  }
  return {};
}

}  // namespace triton_lite
