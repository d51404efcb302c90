#include "engine/region_outputs.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

#include "engine/region_registry.h"

namespace triton_lite {
namespace {

Status CheckFits(const RequestedOutput& output, std::size_t byte_size) {
  if (byte_size <= output.region.size) {
    return {};
  }
  return Internal("shared memory size specified with the request for output '" + output.name + "' (" +
                  std::to_string(output.region.size) + " bytes) should be at least " + std::to_string(byte_size) +
                  " bytes to hold the results");
}

}  // namespace

Result<Buffer> RegionOutputs::AllocateOutput(std::string_view name, std::size_t byte_size) {
  if (regions_.empty()) {
    return call_->Allocate(byte_size);
  }
  const RequestedOutput* const output = FindInRegion(name);
  if (output == nullptr) {
    return call_->Allocate(byte_size);
  }
  RETURN_IF_ERROR(CheckFits(*output, byte_size));
  const TensorSpec* const spec = spec_->FindOutput(name);
  if (spec == nullptr || !IsFloatingPoint(spec->datatype)) {
    return call_->Allocate(byte_size);
  }
  Buffer place = output->region;
  place.size = byte_size;
  return place;
}

Status RegionOutputs::Complete(InferenceResponse* response) const {
  if (regions_.empty()) {
    return {};
  }
  for (OutputTensor& output : response->outputs) {
    const RequestedOutput* const requested = FindInRegion(output.name);
    if (requested == nullptr) {
      RETURN_IF_ERROR(TakeOut(&output));
      continue;
    }
    RETURN_IF_ERROR(CheckFits(*requested, output.data.size));
    if (output.data.data != requested->region.data && output.data.size > 0) {
      std::memmove(requested->region.data, output.data.data, output.data.size);
    }
    output.data = {};
  }
  return CheckIntact(regions_);
}

// An input in a region that a model passes on: copied while it can still be seen whether it was all there.
Status RegionOutputs::TakeOut(OutputTensor* output) const {
  const bool in_region = std::any_of(regions_.begin(), regions_.end(), [&](const SharedRegionPtr& region) {
    return output->data.owner.get() == region.get();
  });
  if (in_region) {
    ASSIGN_OR_RETURN(Buffer copy, call_->Allocate(output->data.size));
    std::memcpy(copy.data, output->data.data, output->data.size);
    output->data = std::move(copy);
  }
  return {};
}

const RequestedOutput* RegionOutputs::FindInRegion(std::string_view name) const {
  for (const RequestedOutput& output : request_->outputs) {
    if (output.region.data != nullptr && output.name == name) {
      return &output;
    }
  }
  return nullptr;
}

}  // namespace triton_lite
