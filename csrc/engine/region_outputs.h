// Outputs whose bytes the client wants in its regions instead of in the response.
#pragma once

#include <string_view>
#include <utility>

#include "channel/call.h"
#include "core/buffer.h"
#include "core/model_spec.h"
#include "core/request.h"
#include "core/status.h"
#include "engine/request_parameters.h"

namespace triton_lite {

// The memory of a call. Floating-point outputs that belong in a region are written there at once, and so are numbers
// that a model on a GPU leaves in a region on it; others when they are complete, because models may read their outputs
// again and the client may change them meanwhile.
class RegionOutputs final : public OutputMemory {
 public:
  // All outlive this; `request` owns it.
  RegionOutputs(Call* call, const ModelSpec* spec, const InferenceRequest* request)
      : call_(call), spec_(spec), request_(request) {}

  // The regions that the request uses. Before the request is enqueued.
  void SetRegions(UsedRegions regions) { regions_ = std::move(regions); }
  // The request no longer uses its regions: before its client can know that it ended.
  void EndUse() { regions_.uses.clear(); }

  Result<Buffer> Allocate(std::size_t byte_size) override { return call_->Allocate(byte_size); }
  Result<Buffer> AllocateOutput(std::string_view name, std::size_t byte_size) override;
  bool takes_device_memory() const override { return call_->takes_device_memory(); }
  Result<Buffer> PlaceOnDevice(std::string_view name, std::size_t byte_size, std::int32_t device_id) override;

  // Brings outputs that lie elsewhere to their regions; those that belong there leave no bytes in the response.
  // INTERNAL when a part is too small, a region was truncated, or a copy from or to a GPU failed.
  Status Complete(InferenceResponse* response) const;

 private:
  Result<Buffer> TakeOut(const Buffer& data) const;
  // Whether a model that writes the output there might write over an input that it has still to read.
  bool LiesOverInput(const Buffer& place) const;
  // Whether bringing outputs to their regions might write over this one, which is a part of a region itself, too early.
  bool IsInTheWay(const OutputTensor& output) const;
  bool Overlap(const Buffer& a, const Buffer& b) const;
  const SharedRegion* RegionOf(const Buffer& buffer) const;
  const RequestedOutput* FindInRegion(std::string_view name) const;

  Call* const call_;
  const ModelSpec* const spec_;
  const InferenceRequest* const request_;
  UsedRegions regions_;
};

}  // namespace triton_lite
