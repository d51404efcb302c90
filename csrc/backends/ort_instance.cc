#include "backends/ort_instance.h"

#include <utility>

namespace triton_lite::ort {

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
  std::unique_ptr<Device> device;
  IoBindingHandle binding;
  if (place.kind == InstanceKind::kGpu) {
    ASSIGN_OR_RETURN(device, Device::Make(*session, place.device_id));
    RETURN_IF_ERROR(Take(Api().CreateIoBinding(session->get(), binding.out())));
  }
  return std::unique_ptr<BackendInstance>(new OrtInstance(
      library, std::move(plan), std::move(session), std::move(run_options), std::move(device), std::move(binding)));
}

OrtInstance::OrtInstance(const Library* library, std::shared_ptr<const Plan> plan, SharedSession session,
                         RunOptionsHandle run_options, std::unique_ptr<Device> device, IoBindingHandle binding)
    : plan_(std::move(plan)),
      session_(std::move(session)),
      run_options_(std::move(run_options)),
      device_(std::move(device)),
      binding_(std::move(binding)),
      inputs_(library, plan_.get(), device_.get()),
      outputs_(library, plan_.get(), device_.get()) {}

void OrtInstance::Execute(std::span<InferenceRequest* const> batch) {
  if (batch.size() <= 1 || plan_->batches) {
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
      if (status.code() == Code::kCancelled) {
        request->failure_reason = FailureReason::kCanceled;
      }
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
    *interrupted = interrupted_;
    if (*interrupted) {
      return Cancelled("");
    }
    running_ = true;
  }
  const Status status = device_ == nullptr ? CallSession() : CallBound();
  MutexLock lock(mu_);
  running_ = false;
  *interrupted = interrupted_;
  if (*interrupted) {
    RETURN_IF_ERROR(Take(Api().RunOptionsUnsetTerminate(run_options_.get())));
  }
  return *interrupted && !status.ok() ? Cancelled("") : status;
}

Status OrtInstance::CallSession() {
  return Take(Api().Run(session_->get(), run_options_.get(), inputs_.names(), inputs_.values(), inputs_.size(),
                        outputs_.names(), outputs_.size(), outputs_.values()));
}

Status OrtInstance::CallBound() {
  Api().ClearBoundInputs(binding_.get());
  Api().ClearBoundOutputs(binding_.get());
  for (std::size_t i = 0; i < inputs_.size(); ++i) {
    RETURN_IF_ERROR(Take(Api().BindInput(binding_.get(), inputs_.names()[i], inputs_.values()[i])));
  }
  RETURN_IF_ERROR(outputs_.BindTo(binding_.get()));
  RETURN_IF_ERROR(Take(Api().RunWithBinding(session_->get(), run_options_.get(), binding_.get())));
  return outputs_.TakeFrom(binding_.get());
}

void OrtInstance::Interrupt() {
  MutexLock lock(mu_);
  interrupted_ = !running_ || Take(Api().RunOptionsSetTerminate(run_options_.get())).ok();
}

void OrtInstance::EndInterrupt() {
  MutexLock lock(mu_);
  interrupted_ = false;
}

}  // namespace triton_lite::ort
