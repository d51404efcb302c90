// Runs a batch on an instance that may run it elsewhere, and waits for it.
#pragma once

#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "core/mutex.h"

namespace triton_lite {

// `batch` owns the requests of `view`, but for what only fills it up. Afterwards null stands in the place of requests
// that go on.
inline void ExecuteAndWait(BackendInstance& instance, std::span<InferenceRequest* const> view,
                           std::vector<RequestPtr>* batch) {
  if (!instance.starts()) {
    instance.Execute(view);
    return;
  }
  struct Execution {
    Mutex mu;
    CondVar over;
    bool executed GUARDED_BY(mu) = false;
    std::vector<RequestPtr> batch GUARDED_BY(mu);
  };
  // Shared: whoever ends it may still be at it when this returns.
  const auto execution = std::make_shared<Execution>();
  const auto executed = [execution](std::vector<RequestPtr> requests) {
    MutexLock lock(execution->mu);
    execution->batch = std::move(requests);
    execution->executed = true;
    execution->over.NotifyOne();
  };
  if (!instance.Start(view, batch, executed)) {
    return;
  }
  MutexLock lock(execution->mu);
  while (!execution->executed) {
    execution->over.Wait(execution->mu);
  }
  *batch = std::move(execution->batch);
}

}  // namespace triton_lite
