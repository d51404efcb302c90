#include "engine/region_outputs.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "cuda/copies.h"
#include "cuda/pinned_memory.h"
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
  if (!regions_.any) {
    return call_->Allocate(byte_size);
  }
  const RequestedOutput* const output = FindInRegion(name);
  if (output == nullptr) {
    return call_->Allocate(byte_size);
  }
  RETURN_IF_ERROR(CheckFits(*output, byte_size));
  if (output->region.kind == MemoryKind::kDevice) {
    return cuda::AllocatePinned(byte_size);
  }
  const TensorSpec* const spec = spec_->FindOutput(name);
  if (spec == nullptr || !IsFloatingPoint(spec->datatype)) {
    return call_->Allocate(byte_size);
  }
  Buffer place = output->region;
  place.size = byte_size;
  return place;
}

Result<Buffer> RegionOutputs::PlaceOnDevice(std::string_view name, std::size_t byte_size, std::int32_t device_id) {
  const RequestedOutput* const output = regions_.any ? FindInRegion(name) : nullptr;
  if (output == nullptr || output->region.kind != MemoryKind::kDevice || output->region.device_id != device_id) {
    return Buffer{};
  }
  RETURN_IF_ERROR(CheckFits(*output, byte_size));
  Buffer place = output->region;
  place.size = byte_size;
  return place;
}

Status RegionOutputs::Complete(InferenceResponse* response) const {
  if (!regions_.any) {
    return {};
  }
  std::vector<Buffer> used;  // By copies that are under way, which `copies` waits for whatever happens.
  const cuda::IdleCopies copies;
  for (OutputTensor& output : response->outputs) {
    const RequestedOutput* const requested = FindInRegion(output.name);
    if (requested == nullptr) {
      ASSIGN_OR_RETURN(output.data, TakeOut(output.data));
      continue;
    }
    RETURN_IF_ERROR(CheckFits(*requested, output.data.size));
    if (output.data.data != requested->region.data || output.data.kind != requested->region.kind) {
      RETURN_IF_ERROR(copies->Add(output.data, requested->region));
    }
    used.push_back(std::exchange(output.data, Buffer{}));
  }
  RETURN_IF_ERROR(copies->Finish());
  return CheckIntact(regions_.checked);
}

// An input in a region that a model passes on: copied while it can still be seen whether it was all there.
Result<Buffer> RegionOutputs::TakeOut(const Buffer& data) const {
  const bool in_region = std::any_of(regions_.checked.begin(), regions_.checked.end(),
                                     [&](const auto& region) { return data.owner.get() == region.get(); });
  if (!in_region && (data.kind != MemoryKind::kDevice || call_->takes_device_memory())) {
    return data;
  }
  ASSIGN_OR_RETURN(Buffer copy, call_->Allocate(data.size));
  RETURN_IF_ERROR(cuda::Copy(data, copy));
  return copy;
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
