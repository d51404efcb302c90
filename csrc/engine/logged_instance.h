// Says of each batch, in a verbose log, which instance runs it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <utility>

#include "backends/backend.h"
#include "log/log.h"

namespace triton_lite {

class LoggedInstance final : public BackendInstance {
 public:
  LoggedInstance(std::string name, std::unique_ptr<BackendInstance> instance)
      : name_(std::move(name)), instance_(std::move(instance)) {}

  void Execute(std::span<InferenceRequest* const> batch) override {
    if (VerboseLog(1) && !batch.empty()) {
      LogVerbose(1, "model " + batch[0]->model_name + ", instance " + name_ + ", executing " +
                        std::to_string(batch.size()) + " requests");
    }
    instance_->Execute(batch);
  }
  void Interrupt() override { instance_->Interrupt(); }

 private:
  const std::string name_;
  const std::unique_ptr<BackendInstance> instance_;
};

}  // namespace triton_lite
