#include "schedule/ensemble_scheduler.h"

#include <utility>

#include "schedule/ensemble_run.h"
#include "schedule/refusal.h"

namespace triton_lite {

EnsembleScheduler::EnsembleScheduler(const ModelSpec& spec, ModelRouter* router)
    : graph_(std::make_shared<EnsembleGraph>(spec)), router_(router) {}

EnsembleScheduler::~EnsembleScheduler() { Drain(); }

void EnsembleScheduler::Enqueue(RequestPtr request, EnqueueHint) {
  request->times.queue_start = NowNanoseconds();
  bool refused = false;
  {
    MutexLock lock(state_->mu);
    refused = state_->draining;
    state_->pending += refused ? 0 : 1;
  }
  if (refused) {
    request->responder->Fail(RefusedWhileStopping(*request));
    return;
  }
  const auto on_end = [state = state_] {
    MutexLock lock(state->mu);
    if (--state->pending == 0) {
      state->drained.NotifyAll();
    }
  };
  std::make_shared<EnsembleRun>(graph_, router_, std::move(request), on_end)->Start();
}

void EnsembleScheduler::Drain() {
  MutexLock lock(state_->mu);
  state_->draining = true;
  while (state_->pending > 0) {
    state_->drained.Wait(state_->mu);
  }
}

std::size_t EnsembleScheduler::pending() const {
  MutexLock lock(state_->mu);
  return state_->pending;
}

std::unique_ptr<Scheduler> MakeEnsembleScheduler(const ModelSpec& spec, ModelRouter* router) {
  return std::make_unique<EnsembleScheduler>(spec, router);
}

}  // namespace triton_lite
