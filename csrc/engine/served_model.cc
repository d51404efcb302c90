#include "engine/served_model.h"

#include <utility>

namespace triton_lite {

ServedModel::ServedModel(ModelSpec spec, std::shared_ptr<BackendModel> backend, std::unique_ptr<Scheduler> scheduler,
                         ModelMetricsPtr metrics)
    : spec_(std::move(spec)),
      version_text_(std::to_string(spec_.version)),
      backend_(std::move(backend)),
      metrics_(std::move(metrics)),
      scheduler_(std::move(scheduler)) {
  if (metrics_ != nullptr) {
    metrics_->AddQueue(this, [this] { return scheduler_->waiting(); });
  }
  for (std::size_t i = 0; i < spec_.inputs.size(); ++i) {
    input_index_.emplace(spec_.inputs[i].name, static_cast<std::int32_t>(i));
    required_input_count_ += spec_.inputs[i].optional ? 0 : 1;
  }
}

ServedModel::~ServedModel() {
  if (metrics_ != nullptr) {
    metrics_->RemoveQueue(this);
  }
}

std::int32_t ServedModel::InputIndex(std::string_view name, std::size_t hint) const {
  if (hint < spec_.inputs.size() && spec_.inputs[hint].name == name) {
    return static_cast<std::int32_t>(hint);
  }
  const auto found = input_index_.find(name);
  return found == input_index_.end() ? -1 : found->second;
}

}  // namespace triton_lite
