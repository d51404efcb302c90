// Brings inputs that lie on a GPU to the host for instances that do not read them there.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "cuda/copies.h"

namespace triton_lite {

// The inputs of a batch are copied side by side, each once, into pinned memory. If that fails, each is copied alone:
// only requests whose own memory is at fault fail.
class StagedInstance final : public BackendInstance {
 public:
  explicit StagedInstance(std::unique_ptr<BackendInstance> instance) : instance_(std::move(instance)) {}

  void Execute(std::span<InferenceRequest* const> batch) override;
  bool starts() const override { return instance_->starts(); }
  bool Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* batch,
             const ExecutedHook& executed) override;
  void Interrupt() override { instance_->Interrupt(); }

 private:
  struct Copied {
    InferenceRequest* request;
    Buffer from;
    Buffer to;
  };

  bool NeedsStaging(const InputTensor& input) const;
  // Whether all inputs of `batch` are where they are needed. What lacks is told by CopyAlone then.
  bool StageAll(std::span<InferenceRequest* const> batch);
  // Copies alone what could not be copied side by side. Returns the requests that are ready; the others have failed.
  std::vector<InferenceRequest*> StageOneByOne(std::span<InferenceRequest* const> batch);
  Status Stage(InferenceRequest* request);
  Status CopyAlone(const InferenceRequest* request);

  const std::unique_ptr<BackendInstance> instance_;
  cuda::Copies copies_;
  std::vector<Copied> copied_;
};

}  // namespace triton_lite
