// An instance of an ONNX model: runs batches on a session that it may share with others.
#pragma once

#include <memory>
#include <span>

#include "backends/backend.h"
#include "backends/ort_device.h"
#include "backends/ort_inputs.h"
#include "backends/ort_outputs.h"
#include "backends/ort_session.h"
#include "core/mutex.h"

namespace triton_lite::ort {

// `library` lives as long as the process.
class OrtInstance : public BackendInstance {
 public:
  static Result<std::unique_ptr<BackendInstance>> Make(const Library* library, std::shared_ptr<const Plan> plan,
                                                       SharedSession session, const SessionPlace& place,
                                                       const Entries& run_entries);

  void Execute(std::span<InferenceRequest* const> batch) override;
  bool TakesDeviceMemory(std::int32_t device_id) const override {
    return device_ != nullptr && device_->id() == device_id;
  }
  void Interrupt() override EXCLUDES(mu_);
  void EndInterrupt() override EXCLUDES(mu_);

 private:
  OrtInstance(const Library* library, std::shared_ptr<const Plan> plan, SharedSession session,
              RunOptionsHandle run_options, std::unique_ptr<Device> device, IoBindingHandle binding);

  // One run of the session.
  void ExecuteTogether(std::span<InferenceRequest* const> batch);
  Status Run(std::span<InferenceRequest* const> batch);
  // *interrupted: Interrupt ended the run, or kept it from beginning.
  Status RunSession(bool* interrupted);
  // The call that runs it: on the CPU, or with everything bound to places on the GPU and the host.
  Status CallSession();
  Status CallBound();

  const std::shared_ptr<const Plan> plan_;
  const SharedSession session_;
  const RunOptionsHandle run_options_;
  const std::unique_ptr<Device> device_;  // Null on the CPU.
  const IoBindingHandle binding_;         // None on the CPU.
  RunInputs inputs_;
  RunOutputs outputs_;
  bool may_place_ = true;  // Until a model gives other shapes than its file says.

  Mutex mu_;
  bool running_ GUARDED_BY(mu_) = false;
  bool interrupted_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite::ort
