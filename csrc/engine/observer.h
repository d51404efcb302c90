// What the engine tells whoever counts: statistics and metrics listen here.
#pragma once

#include "core/request.h"
#include "core/status.h"
#include "schedule/scheduler.h"

namespace triton_lite {

class ServedModel;

// Executions come from the schedulers, ends of requests from the engine. Called on data-plane threads: quick,
// no lock that is held for long, nothing thrown.
class EngineObserver : public ExecutionObserver {
 public:
  // The last answer of `request` was handed over. `status` says how it ended. Its execution may not have returned
  // yet: compute_end may be missing.
  virtual void OnRequestEnd(const ServedModel& model, const InferenceRequest& request, const Status& status) = 0;
};

}  // namespace triton_lite
