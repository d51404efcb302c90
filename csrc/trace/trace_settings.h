// The trace settings of the server and of models, and the rules by which the one falls back to the other.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "core/mutex.h"
#include "core/status.h"
#include "trace/trace_setting.h"

namespace triton_lite {

// Thread-safe. A model's values follow the server's unless they were set; the server's go back to those of its start
// when they are cleared.
class TraceSettings {
 public:
  TraceSettings(TraceConfig config, std::shared_ptr<TraceOutput> output);

  // Of the server when `model` is empty. INVALID_ARGUMENT for values that trace something and can not, which changes
  // nothing.
  Status Update(const std::string& model, const TraceChanges& changes) EXCLUDES(mu_);
  // What holds for a model (for the server: "").
  TraceSettingPtr Find(const std::string& model) const EXCLUDES(mu_);
  // Whether tracing is on for anything.
  bool any_enabled() const EXCLUDES(mu_);
  // Lets go of all settings; nothing is sampled any more.
  void Clear() EXCLUDES(mu_);

 private:
  Status UpdateOne(const std::string& model, const TraceChanges& changes) REQUIRES(mu_);

  const TraceConfig config_;  // Of the start.
  const std::shared_ptr<TraceOutput> output_;
  mutable Mutex mu_;
  TraceSettingPtr global_ GUARDED_BY(mu_);
  std::map<std::string, TraceSettingPtr> models_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
