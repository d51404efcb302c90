#include <algorithm>
#include <limits>

#include "wire/http_input.h"
#include "wire/region_parameters.h"

namespace triton_lite::wire {
namespace {

// Results of the classification extension are computed from what lies in the region, and never written there.
Status CheckRegionAlone(const JsonValue& output) {
  if (!FindParameter(output, "shared_memory_region")) {
    return {};
  }
  if (FindParameter(output, "classification")) {
    return InvalidArgument("Output can't set both 'shared_memory_region' and 'classification'");
  }
  const std::optional<JsonValue> binary = FindParameter(output, "binary_data");
  if (!binary) {
    return {};
  }
  const Result<bool> flag = binary->AsBool();
  RETURN_IF_ERROR(Labelled("Unable to set 'binary_data'", flag.status()));
  return *flag ? InvalidArgument("Output can't set both 'shared_memory_region' and 'binary_data'") : Status();
}

Status ReadClassCount(const JsonValue& output, NamedValues* parameters) {
  const std::optional<JsonValue> classification = FindParameter(output, "classification");
  if (!classification) {
    return {};
  }
  const Result<std::uint64_t> count = classification->AsUint();
  RETURN_IF_ERROR(Labelled("Unable to set 'classification'", count.status()));
  if (*count > 0) {  // 0 asks for the tensor itself, here but not in gRPC.
    constexpr std::uint64_t kMax = std::numeric_limits<std::int32_t>::max();
    parameters->emplace_back("classification", static_cast<std::int64_t>(std::min(*count, kMax)));
  }
  return {};
}

Status ReadForm(const JsonValue& output, OutputForm* form) {
  const std::optional<JsonValue> binary = FindParameter(output, "binary_data");
  if (!binary) {
    return {};
  }
  const Result<bool> flag = binary->AsBool();
  RETURN_IF_ERROR(Labelled("Unable to parse 'binary_data'", flag.status()));
  *form = *flag ? OutputForm::kBinary : OutputForm::kJson;
  return {};
}

// The builder borrows everything it is given.
template <typename To, typename From, typename Make>
std::vector<To> Borrowed(const std::vector<From>& from, Make make) {
  std::vector<To> result;
  result.reserve(from.size());
  for (const From& item : from) {
    result.push_back(make(item));
  }
  return result;
}

}  // namespace

Status TensorReader::ReadOutputs(const JsonValue& root) {
  if (!root.Find("outputs")) {
    return {};
  }
  const Result<JsonValue> list = root.MemberAsArray("outputs");
  RETURN_IF_ERROR(Labelled("Unable to parse 'outputs'", list.status()));
  for (JsonValue item = list->first(); item != list->end(); item = item.next()) {
    RETURN_IF_ERROR(ReadOutput(item));
  }
  return {};
}

Status TensorReader::ReadOutput(const JsonValue& json) {
  RETURN_IF_ERROR(CheckRegionAlone(json));
  Output& output = outputs_.emplace_back();
  RETURN_IF_ERROR(ReadTextMember(json, "name", &output.name));
  RETURN_IF_ERROR(ReadClassCount(json, &output.parameters));
  RegionParameters region;
  RETURN_IF_ERROR(ReadRegion(json, &region));
  OutputForm form = OutputForm::kJson;  // Not the default of the request, which is for outputs it does not name.
  if (region.used) {
    form = OutputForm::kSharedMemory;
    AddRegion(region, &output.parameters);
  } else {
    RETURN_IF_ERROR(ReadForm(json, &form));
  }
  call_->format.named.emplace_back(output.name, form);
  return {};
}

std::string TensorReader::Encode(InferRequestBuilder request) const {
  using Builder = InferRequestBuilder;
  const auto inputs = Borrowed<Builder::Input>(inputs_, [](const Input& input) {
    return Builder::Input{input.name, input.datatype, input.shape.dims(), input.parameters};
  });
  const auto outputs = Borrowed<Builder::Output>(
      outputs_, [](const Output& output) { return Builder::Output{output.name, output.parameters}; });
  request.inputs = inputs;
  request.outputs = outputs;
  return EncodeInferRequest(request);
}

}  // namespace triton_lite::wire
