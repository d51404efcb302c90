#include "schedule/ensemble_scheduler.h"

#include <utility>

#include "schedule/refusal.h"

namespace triton_lite {

namespace {

std::shared_ptr<StepLimiter> MakeLimiter(const EnsembleSpec& spec) {
  const std::uint32_t limit = spec.max_inflight_requests;
  return limit == 0 ? nullptr : std::make_shared<StepLimiter>(spec.steps.size(), limit);
}

}  // namespace

EnsembleScheduler::EnsembleScheduler(const ModelSpec& spec, ModelRouter* router)
    : surroundings_{std::make_shared<EnsembleGraph>(spec), router,
                    MakeLimiter(std::get<EnsembleSpec>(spec.scheduler))} {}

EnsembleScheduler::~EnsembleScheduler() { Drain(); }

void EnsembleScheduler::Enqueue(RequestPtr request, EnqueueHint hint) {
  request->times.queue_start = NowNanoseconds();
  bool refused = false;
  {
    MutexLock lock(state_->mu);
    refused = state_->draining;
    state_->pending += refused ? 0 : 1;
  }
  if (refused) {
    Refuse(*request, FailureReason::kUncounted, RefusedWhileStopping(*request));
    return;
  }
  const auto on_end = [state = state_] {
    MutexLock lock(state->mu);
    if (--state->pending == 0) {
      state->drained.NotifyAll();
    }
  };
  std::make_shared<EnsembleRun>(surroundings_, std::move(request), on_end)->Start(hint);
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
