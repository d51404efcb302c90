#include "backends/ort_instance.h"

#include <algorithm>
#include <utility>

namespace triton_lite::ort {
namespace {

bool OnDevice(const InferenceRequest& request) {
  return std::any_of(request.inputs.begin(), request.inputs.end(),
                     [](const InputTensor& input) { return input.data.kind == MemoryKind::kDevice; });
}

}  // namespace

Result<std::unique_ptr<BackendInstance>> OrtInstance::Make(const Library* library, std::shared_ptr<const Plan> plan,
                                                           SharedSession session, const SessionPlace& place,
                                                           const Entries& run_entries) {
  RunOptionsHandle run_options;
  RETURN_IF_ERROR(Take(Api().CreateRunOptions(run_options.out())));
  // What a request did wrong is its answer, not a line of the log.
  RETURN_IF_ERROR(Take(Api().RunOptionsSetRunLogSeverityLevel(run_options.get(), LogLevel::kFatal)));
  for (const auto& [name, value] : run_entries) {
    RETURN_IF_ERROR(Take(Api().AddRunConfigEntry(run_options.get(), name.c_str(), value.c_str())));
  }
  MemoryInfoHandle device_memory;
  if (place.kind == InstanceKind::kGpu) {
    RETURN_IF_ERROR(Take(Api().CreateMemoryInfo("Cuda", AllocatorType::kArena, place.device_id, MemoryType::kDefault,
                                                device_memory.out())));
  }
  return std::unique_ptr<BackendInstance>(
      new OrtInstance(library, std::move(plan), std::move(session), std::move(run_options), std::move(device_memory)));
}

OrtInstance::OrtInstance(const Library* library, std::shared_ptr<const Plan> plan, SharedSession session,
                         RunOptionsHandle run_options, MemoryInfoHandle device_memory)
    : plan_(std::move(plan)),
      session_(std::move(session)),
      run_options_(std::move(run_options)),
      device_memory_(std::move(device_memory)),
      inputs_(library, plan_.get(), device_memory_.get()),
      outputs_(library, plan_.get()) {}

bool OrtInstance::RunsTogether(std::span<InferenceRequest* const> batch) const {
  return batch.size() == 1 || (plan_->batches && std::none_of(batch.begin(), batch.end(), [](const auto* request) {
                                 return OnDevice(*request);  // Device memory is not gathered.
                               }));
}

void OrtInstance::Execute(std::span<InferenceRequest* const> batch) {
  if (batch.empty() || RunsTogether(batch)) {
    if (!batch.empty()) {
      ExecuteTogether(batch);
    }
    return;
  }
  for (std::size_t i = 0; i < batch.size(); ++i) {
    ExecuteTogether(batch.subspan(i, 1));
  }
}

void OrtInstance::ExecuteTogether(std::span<InferenceRequest* const> batch) {
  Status status = Run(batch);
  const std::uint64_t output_start = NowNanoseconds();
  for (InferenceRequest* const request : batch) {
    request->times.compute_output_start = output_start;
  }
  if (status.ok()) {
    outputs_.Respond(batch);
  } else {
    for (InferenceRequest* const request : batch) {
      request->responder->Fail(status);
    }
  }
  inputs_.Clear();
  outputs_.Clear();
}

Status OrtInstance::Run(std::span<InferenceRequest* const> batch) {
  std::int64_t batch_size = 0;
  for (const InferenceRequest* const request : batch) {
    batch_size += request->batch_size;
  }
  Status status = inputs_.Bind(batch, batch_size);
  outputs_.Select(batch);
  if (status.ok() && batch.size() == 1 && may_place_) {
    status = outputs_.Place(batch[0]);
  }
  const std::uint64_t input_end = NowNanoseconds();
  for (InferenceRequest* const request : batch) {
    request->times.compute_input_end = input_end;
  }
  if (!status.ok() || outputs_.size() == 0) {
    return status;
  }
  bool interrupted = false;
  status = RunSession(&interrupted);
  if (status.ok() || interrupted || !outputs_.placed()) {
    return status;
  }
  // A file may state other shapes than the model gives: then the library has to allocate. Its words for that changed
  // from release to release, so what fails is tried again.
  outputs_.Select(batch);
  status = RunSession(&interrupted);
  may_place_ = !status.ok();
  return status;
}

Status OrtInstance::RunSession(bool* interrupted) {
  {
    MutexLock lock(mu_);
    running_ = true;
  }
  const Status status = Take(Api().Run(session_->get(), run_options_.get(), inputs_.names(), inputs_.values(),
                                       inputs_.size(), outputs_.names(), outputs_.size(), outputs_.values()));
  MutexLock lock(mu_);
  running_ = false;
  *interrupted = std::exchange(interrupted_, false);
  if (*interrupted) {
    RETURN_IF_ERROR(Take(Api().RunOptionsUnsetTerminate(run_options_.get())));
  }
  return status;
}

void OrtInstance::Interrupt() {
  MutexLock lock(mu_);
  if (running_ && Take(Api().RunOptionsSetTerminate(run_options_.get())).ok()) {
    interrupted_ = true;
  }
}

}  // namespace triton_lite::ort
