// Brings inputs that lie on a GPU to the host for instances that do not read them there.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "core/mutex.h"
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
  std::size_t concurrency() const override { return instance_->concurrency(); }
  bool queues() const override { return instance_->queues(); }
  bool down() const override { return instance_->down(); }
  bool in_use() const override { return instance_->in_use(); }
  void Interrupt() override { instance_->Interrupt(); }
  void EndInterrupt() override { instance_->EndInterrupt(); }

 private:
  struct Copied {
    InferenceRequest* request;
    Buffer from;
    Buffer to;
  };

  bool NeedsStaging(const InputTensor& input) const;
  bool NeedsStaging(std::span<InferenceRequest* const> batch) const;
  // Brings inputs to where they are needed. Returns the requests that are ready; the others have failed.
  std::vector<InferenceRequest*> StageBatch(std::span<InferenceRequest* const> batch) EXCLUDES(staging_);
  // Whether all inputs of `batch` are where they are needed. What lacks is told by CopyAlone then.
  bool StageAll(std::span<InferenceRequest* const> batch) REQUIRES(staging_);
  // Copies alone what could not be copied side by side. Returns the requests that are ready; the others have failed.
  std::vector<InferenceRequest*> StageOneByOne(std::span<InferenceRequest* const> batch) REQUIRES(staging_);
  Status Stage(InferenceRequest* request) REQUIRES(staging_);
  Status CopyAlone(const InferenceRequest* request) REQUIRES(staging_);

  const std::unique_ptr<BackendInstance> instance_;
  Mutex staging_;  // Batches that are started may come side by side.
  cuda::Copies copies_ GUARDED_BY(staging_);
  std::vector<Copied> copied_ GUARDED_BY(staging_);
};

}  // namespace triton_lite
