#include "model_process/python_model.h"

#include <utility>

#include "schedule/execute_and_wait.h"

namespace triton_lite::model_process {

PythonModel::~PythonModel() {
  for (const ModelLinkPtr& link : links_) {
    if (link != nullptr) {
      link->Close();
    }
  }
}

Status PythonModel::Configure(const ModelSpec& spec) {
  spec_ = std::make_shared<const ModelSpec>(spec);
  return {};
}

Result<std::unique_ptr<BackendInstance>> PythonModel::CreateInstance(const InstancePlacement& placement) {
  const auto ordinal = static_cast<std::size_t>(placement.ordinal);
  if (spec_ == nullptr || ordinal >= links_.size() || links_[ordinal] == nullptr) {
    return Internal("there is no process for instance '" + placement.name + "'");
  }
  ModelLinkPtr link = std::exchange(links_[ordinal], nullptr);
  link->Open(spec_, router_);
  return std::unique_ptr<BackendInstance>(std::make_unique<PythonInstance>(std::move(link)));
}

void PythonInstance::Execute(std::span<InferenceRequest* const> batch) {
  std::vector<RequestPtr> lent;
  ExecuteAndWait(*this, batch, &lent);
}

}  // namespace triton_lite::model_process
