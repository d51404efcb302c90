// The backend of Python models as far as the engine sees it: instances that run in processes of their own.
#pragma once

#include <memory>
#include <vector>

#include "backends/backend.h"
#include "model_process/model_link.h"

namespace triton_lite::model_process {

class PythonModel final : public BackendModel {
 public:
  // One link for each instance, in the order of their placements. `router` outlives the instances.
  PythonModel(std::vector<ModelLinkPtr> links, ModelRouter* router) : links_(std::move(links)), router_(router) {}
  // Links that no instance was made of are closed.
  ~PythonModel() override;
  PythonModel(const PythonModel&) = delete;
  PythonModel& operator=(const PythonModel&) = delete;

  // Models complete their configuration themselves.
  const ModelSignature& signature() const override { return signature_; }
  // To where the process reads them.
  bool copies_inputs() const override { return true; }
  Status Configure(const ModelSpec& spec) override;
  Result<std::unique_ptr<BackendInstance>> CreateInstance(const InstancePlacement& placement) override;

 private:
  const ModelSignature signature_;
  std::vector<ModelLinkPtr> links_;  // Null: its instance has it.
  ModelRouter* const router_;
  std::shared_ptr<const ModelSpec> spec_;
};

class PythonInstance final : public BackendInstance {
 public:
  explicit PythonInstance(ModelLinkPtr link) : link_(std::move(link)) {}
  ~PythonInstance() override { link_->Close(); }
  PythonInstance(const PythonInstance&) = delete;
  PythonInstance& operator=(const PythonInstance&) = delete;

  void Execute(std::span<InferenceRequest* const> batch) override;
  bool starts() const override { return true; }
  std::size_t concurrency() const override { return link_->concurrency(); }
  bool queues() const override { return true; }
  bool down() const override { return link_->down(); }
  bool in_use() const override { return link_->in_use(); }
  bool Start(std::span<InferenceRequest* const> view, std::vector<RequestPtr>* batch,
             const ExecutedHook& executed) override {
    return link_->Start(view, batch, executed);
  }

 private:
  const ModelLinkPtr link_;
};

}  // namespace triton_lite::model_process
