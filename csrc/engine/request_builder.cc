#include "engine/request_builder.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <unordered_set>
#include <utility>

#include "engine/input_contents.h"
#include "engine/output_options.h"

namespace triton_lite {
namespace {

// The first name of `names` that was there before, or null. Linear in time for any number of names.
template <typename Items>
const std::string_view* FindDuplicate(const Items& items) {
  std::unordered_set<std::string_view> seen;
  seen.reserve(items.size());
  for (const auto& item : items) {
    if (!seen.insert(item.name).second) {
      return &item.name;
    }
  }
  return nullptr;
}

Status CheckDuplicates(const wire::InferRequestView& view, const InferenceRequest& request) {
  if (view.inputs.size() > 1) {
    if (const auto* name = FindDuplicate(view.inputs)) {
      return InvalidArgument(RequestIdText(request) + "input '" + std::string(*name) + "' already exists in request");
    }
  }
  if (view.outputs.size() > 1) {
    if (const auto* name = FindDuplicate(view.outputs)) {
      return InvalidArgument(RequestIdText(request) + "output '" + std::string(*name) + "' already exists in request");
    }
  }
  return {};
}

}  // namespace

std::string RequestIdText(const InferenceRequest& request) {
  return "[request id: " + (request.id.empty() ? std::string("<id_unknown>") : request.id) + "] ";
}

Status BuildRequest(const wire::InferRequestView& view, std::span<const Bytes> raw,
                    const std::shared_ptr<void>& keep_alive, const RegionRegistry& regions, bool may_change,
                    InferenceRequest* request, CallOptions* options, std::span<const Buffer> lent) {
  request->id = view.id;
  RETURN_IF_ERROR(ApplyRequestParameters(view.parameters, request, options));
  RETURN_IF_ERROR(CheckDuplicates(view, *request));
  RETURN_IF_ERROR(AddInputs(view, raw, lent, keep_alive, regions, may_change, request, options));
  RETURN_IF_ERROR(AddOutputs(view, regions, request, options));
  return CheckIntact(options->regions.checked);
}

}  // namespace triton_lite
