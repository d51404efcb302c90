#include "engine/staged_instance.h"

#include <algorithm>
#include <utility>

#include "cuda/pinned_memory.h"

namespace triton_lite {
namespace {

void FailStaging(InferenceRequest* request, Status status) {
  request->times.compute_input_end = request->times.compute_output_start = NowNanoseconds();
  request->responder->Fail(std::move(status));
}

}  // namespace

bool StagedInstance::NeedsStaging(const InputTensor& input) const {
  return input.data.kind == MemoryKind::kDevice && !instance_->TakesDeviceMemory(input.data.device_id);
}

bool StagedInstance::NeedsStaging(std::span<InferenceRequest* const> batch) const {
  return std::any_of(batch.begin(), batch.end(), [this](const InferenceRequest* request) {
    return std::any_of(request->inputs.begin(), request->inputs.end(),
                       [this](const InputTensor& input) { return NeedsStaging(input); });
  });
}

void StagedInstance::Execute(std::span<InferenceRequest* const> batch) {
  if (!NeedsStaging(batch)) {
    instance_->Execute(batch);
  } else if (const std::vector<InferenceRequest*> ready = StageBatch(batch); !ready.empty()) {
    instance_->Execute(ready);
  }
}

bool StagedInstance::Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* batch,
                           const ExecutedHook& executed) {
  if (!NeedsStaging(view)) {
    return instance_->Start(view, batch, executed);
  }
  const std::vector<InferenceRequest*> ready = StageBatch(view);
  if (ready.size() == view.size()) {
    return instance_->Start(view, batch, executed);
  }
  // The others of the batch could only run by waiting for them, which the thread that brings them must not do.
  for (InferenceRequest* const request : ready) {
    FailStaging(request, Unavailable("another request of the batch has inputs that could not be copied from its GPU"));
  }
  return false;
}

std::vector<InferenceRequest*> StagedInstance::StageBatch(std::span<InferenceRequest* const> batch) {
  MutexLock lock(staging_);
  return StageAll(batch) ? std::vector<InferenceRequest*>(batch.begin(), batch.end()) : StageOneByOne(batch);
}

bool StagedInstance::StageAll(std::span<InferenceRequest* const> batch) {
  bool staged = true;
  for (InferenceRequest* const request : batch) {
    staged = Stage(request).ok() && staged;
  }
  if (!copied_.empty()) {
    staged = copies_.Finish().ok() && staged;
  }
  if (staged) {
    copied_.clear();
  }
  return staged;
}

std::vector<InferenceRequest*> StagedInstance::StageOneByOne(std::span<InferenceRequest* const> batch) {
  std::vector<InferenceRequest*> ready;
  for (InferenceRequest* const request : batch) {
    Status status = CopyAlone(request);
    if (status.ok()) {
      ready.push_back(request);
      continue;
    }
    FailStaging(request, std::move(status));
  }
  copied_.clear();
  return ready;
}

Status StagedInstance::Stage(InferenceRequest* request) {
  for (InputTensor& input : request->inputs) {
    if (NeedsStaging(input)) {
      ASSIGN_OR_RETURN(Buffer copy, cuda::AllocatePinned(input.data.size));
      Copied& copied = copied_.emplace_back(Copied{request, std::exchange(input.data, copy), copy});
      (void)copies_.Add(copied.from, copied.to);  // Finish tells.
    }
  }
  return {};
}

Status StagedInstance::CopyAlone(const InferenceRequest* request) {
  for (const Copied& copied : copied_) {
    if (copied.request == request) {
      (void)copies_.Add(copied.from, copied.to);
      RETURN_IF_ERROR(copies_.Finish());
    }
  }
  const bool all = std::none_of(request->inputs.begin(), request->inputs.end(),
                                [&](const InputTensor& input) { return NeedsStaging(input); });
  return all ? Status() : Unavailable("unable to allocate host memory for the inputs of the request");
}

}  // namespace triton_lite
