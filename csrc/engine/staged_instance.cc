#include "engine/staged_instance.h"

#include <utility>

#include "cuda/pinned_memory.h"

namespace triton_lite {

bool StagedInstance::NeedsStaging(const InputTensor& input) const {
  return input.data.kind == MemoryKind::kDevice && !instance_->TakesDeviceMemory(input.data.device_id);
}

void StagedInstance::Execute(std::span<InferenceRequest* const> batch) {
  Status status;
  for (InferenceRequest* const request : batch) {
    if (status.ok()) {
      status = Stage(request);
    }
  }
  if (!copied_.empty()) {
    Status finished = copies_.Finish();
    if (status.ok()) {
      status = std::move(finished);
    }
    copied_.clear();
  }
  if (status.ok()) {
    instance_->Execute(batch);
    return;
  }
  // A copy that failed says nothing about which of them: none is run on bytes that may not be there.
  for (InferenceRequest* const request : batch) {
    request->times.compute_input_end = request->times.compute_output_start = NowNanoseconds();
    request->responder->Fail(status);
  }
}

Status StagedInstance::Stage(InferenceRequest* request) {
  for (InputTensor& input : request->inputs) {
    if (NeedsStaging(input)) {
      ASSIGN_OR_RETURN(Buffer copy, cuda::AllocatePinned(input.data.size));
      copied_.push_back(std::exchange(input.data, std::move(copy)));
      RETURN_IF_ERROR(copies_.Add(copied_.back(), input.data));
    }
  }
  return {};
}

}  // namespace triton_lite
