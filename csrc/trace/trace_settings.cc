#include "trace/trace_settings.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace triton_lite {
namespace {

// One value: what it falls back to, unless it is set now or was before. Returns whether it is set for itself.
template <typename T>
bool Decide(const TraceChange<T>& change, bool was_set, const T& before, T* value) {
  if (change.clear || !(was_set || change.value.has_value())) {
    return false;
  }
  *value = change.value.value_or(before);
  return true;
}

}  // namespace

TraceSettings::TraceSettings(TraceConfig config, std::shared_ptr<TraceOutput> output)
    : config_(std::move(config)),
      output_(std::move(output)),
      global_(std::make_shared<TraceSetting>(config_, TraceSetting::Specified{}, output_)) {}

Status TraceSettings::Update(const std::string& model, const TraceChanges& changes) {
  std::vector<TraceSettingPtr> replaced;  // Hand on what they gathered without the lock.
  MutexLock lock(mu_);
  for (const auto& [name, setting] : models_) {
    replaced.push_back(setting);
  }
  replaced.push_back(global_);
  RETURN_IF_ERROR(UpdateOne(model, changes));
  if (!model.empty()) {
    return {};
  }
  std::vector<std::string> names;
  for (const auto& [name, setting] : models_) {
    names.push_back(name);
  }
  for (const std::string& name : names) {
    RETURN_IF_ERROR(UpdateOne(name, {}));
  }
  return {};
}

Status TraceSettings::UpdateOne(const std::string& model, const TraceChanges& changes) {
  const auto found = models_.find(model);
  const TraceSettingPtr current = model.empty() ? global_ : found == models_.end() ? nullptr : found->second;
  const TraceValues before = current == nullptr ? TraceValues() : current->values();
  const TraceSetting::Specified was = current == nullptr ? TraceSetting::Specified() : current->specified();
  TraceConfig config = config_;
  if (!model.empty()) {
    config.values = global_->values();
  }
  TraceSetting::Specified now;
  now.level = Decide(changes.level, was.level, before.level, &config.values.level);
  now.rate = Decide(changes.rate, was.rate, before.rate, &config.values.rate);
  now.count = Decide(changes.count, was.count, before.count, &config.values.count);
  now.log_frequency =
      Decide(changes.log_frequency, was.log_frequency, before.log_frequency, &config.values.log_frequency);
  if (!model.empty() && !now.any()) {
    models_.erase(model);
    return {};
  }
  auto setting = std::make_shared<TraceSetting>(config, now, output_);
  if (!setting->problem().empty() && config.values.level != 0) {
    return InvalidArgument("Attempting to set invalid trace setting :" + setting->problem());
  }
  (model.empty() ? global_ : models_[model]) = std::move(setting);
  return {};
}

TraceSettingPtr TraceSettings::Find(const std::string& model) const {
  MutexLock lock(mu_);
  const auto found = models_.find(model);
  return found == models_.end() ? global_ : found->second;
}

bool TraceSettings::any_enabled() const {
  MutexLock lock(mu_);
  return global_->level() != 0 ||
         std::any_of(models_.begin(), models_.end(), [](const auto& entry) { return entry.second->level() != 0; });
}

void TraceSettings::Clear() {
  TraceConfig off = config_;
  off.values.level = 0;
  auto nothing = std::make_shared<TraceSetting>(off, TraceSetting::Specified{}, output_);
  std::map<std::string, TraceSettingPtr> models;
  MutexLock lock(mu_);
  models.swap(models_);
  global_.swap(nothing);
}

}  // namespace triton_lite
