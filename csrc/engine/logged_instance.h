// Says of each batch, in a verbose log, which instance runs it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "log/log.h"

namespace triton_lite {

class LoggedInstance final : public BackendInstance {
 public:
  LoggedInstance(std::string name, std::unique_ptr<BackendInstance> instance)
      : name_(std::move(name)), instance_(std::move(instance)) {}

  void Execute(std::span<InferenceRequest* const> batch) override {
    Log(batch);
    instance_->Execute(batch);
  }
  bool starts() const override { return instance_->starts(); }
  bool Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* batch,
             const ExecutedHook& executed) override {
    Log(view);
    return instance_->Start(view, batch, executed);
  }
  std::size_t concurrency() const override { return instance_->concurrency(); }
  bool queues() const override { return instance_->queues(); }
  bool down() const override { return instance_->down(); }
  bool in_use() const override { return instance_->in_use(); }
  void Interrupt() override { instance_->Interrupt(); }
  void EndInterrupt() override { instance_->EndInterrupt(); }

 private:
  void Log(std::span<InferenceRequest* const> batch) const {
    if (VerboseLog(1) && !batch.empty()) {
      LogVerbose(1, "model " + batch[0]->model_name + ", instance " + name_ + ", executing " +
                        std::to_string(batch.size()) + " requests");
    }
  }

  const std::string name_;
  const std::unique_ptr<BackendInstance> instance_;
};

}  // namespace triton_lite
