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
  Buffer place = output->region;
  place.size = byte_size;
  if (spec == nullptr || !IsFloatingPoint(spec->datatype) || LiesOverInput(place)) {
    return call_->Allocate(byte_size);
  }
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
  return LiesOverInput(place) ? Buffer{} : place;
}

bool RegionOutputs::LiesOverInput(const Buffer& place) const {
  return std::any_of(request_->inputs.begin(), request_->inputs.end(),
                     [&](const InputTensor& input) { return Overlap(input.data, place); });
}

bool RegionOutputs::IsInTheWay(const OutputTensor& output) const {
  const SharedRegion* const mine = RegionOf(output.data);
  return mine != nullptr &&
         std::any_of(request_->outputs.begin(), request_->outputs.end(), [&](const RequestedOutput& other) {
           // Within one mapping a single output may be moved over itself.
           const bool moves = other.name == output.name && RegionOf(other.region) == mine;
           return !moves && Overlap(output.data, other.region);
         });
}

// Anywhere but in regions, no two buffers have bytes in common that one of them may be written to.
bool RegionOutputs::Overlap(const Buffer& a, const Buffer& b) const {
  if (a.kind != b.kind || a.data == nullptr || b.data == nullptr) {
    return false;
  }
  if (a.kind == MemoryKind::kDevice) {
    return a.device_id == b.device_id && a.data < b.data + b.size && b.data < a.data + a.size;
  }
  const SharedRegion* const first = RegionOf(a);
  const SharedRegion* const second = RegionOf(b);
  return first != nullptr && second != nullptr && first->Overlaps(a.bytes(), *second, b.bytes());
}

const SharedRegion* RegionOutputs::RegionOf(const Buffer& buffer) const {
  const auto found = std::find_if(regions_.checked.begin(), regions_.checked.end(),
                                  [&](const auto& region) { return buffer.owner.get() == region.get(); });
  return found == regions_.checked.end() ? nullptr : found->get();
}

Status RegionOutputs::Complete(InferenceResponse* response) const {
  if (!regions_.any) {
    return {};
  }
  std::vector<Buffer> used;  // By copies that are under way, which `copies` waits for whatever happens.
  cuda::IdleCopies copies;
  for (OutputTensor& output : response->outputs) {
    if (IsInTheWay(output)) {
      ASSIGN_OR_RETURN(output.data, TakeOut(output.data));
    }
  }
  for (OutputTensor& output : response->outputs) {
    const RequestedOutput* const requested = FindInRegion(output.name);
    if (requested == nullptr) {
      ASSIGN_OR_RETURN(output.data, TakeOut(output.data));
      continue;
    }
    RETURN_IF_ERROR(CheckFits(*requested, output.data.size));
    if (output.data.data != requested->region.data || output.data.kind != requested->region.kind) {
      RETURN_IF_ERROR(copies.Add(output.data, requested->region));
    }
    used.push_back(std::exchange(output.data, Buffer{}));
  }
  RETURN_IF_ERROR(copies.Finish());
  return CheckIntact(regions_.checked);
}

// An input in a region that a model passes on: copied while it can still be seen whether it was all there.
Result<Buffer> RegionOutputs::TakeOut(const Buffer& data) const {
  if (RegionOf(data) == nullptr && (data.kind != MemoryKind::kDevice || call_->takes_device_memory())) {
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
