// The scheduler of ensembles: no queue of its own, each request is a run through the steps.
#pragma once

#include <memory>

#include "core/mutex.h"
#include "schedule/ensemble_run.h"
#include "schedule/scheduler.h"

namespace triton_lite {

class EnsembleScheduler : public Scheduler {
 public:
  EnsembleScheduler(const ModelSpec& spec, ModelRouter* router);
  ~EnsembleScheduler() override;

  void Enqueue(RequestPtr request, EnqueueHint hint) override;
  void Drain() override;
  std::size_t pending() const override;

 private:
  // Shared with the runs, whose last word may come while the scheduler is being destroyed.
  struct State {
    Mutex mu;
    CondVar drained;
    std::size_t pending GUARDED_BY(mu) = 0;
    bool draining GUARDED_BY(mu) = false;
  };

  const EnsembleSurroundings surroundings_;
  const std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace triton_lite
