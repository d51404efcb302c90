// An instance of an ONNX model: runs batches on a session that it may share with others.
#pragma once

#include <memory>
#include <span>

#include "backends/backend.h"
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
  void Interrupt() override EXCLUDES(mu_);

 private:
  OrtInstance(const Library* library, std::shared_ptr<const Plan> plan, SharedSession session,
              RunOptionsHandle run_options, MemoryInfoHandle device_memory);

  // One run of the session.
  void ExecuteTogether(std::span<InferenceRequest* const> batch);
  Status Run(std::span<InferenceRequest* const> batch);
  // *interrupted: the run was ended by Interrupt.
  Status RunSession(bool* interrupted);
  bool RunsTogether(std::span<InferenceRequest* const> batch) const;

  const std::shared_ptr<const Plan> plan_;
  const SharedSession session_;
  const RunOptionsHandle run_options_;
  const MemoryInfoHandle device_memory_;  // None on the CPU.
  RunInputs inputs_;
  RunOutputs outputs_;
  bool may_place_ = true;  // Until a model gives other shapes than its file says.

  Mutex mu_;
  bool running_ GUARDED_BY(mu_) = false;
  bool interrupted_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite::ort
