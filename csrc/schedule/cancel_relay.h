// Brings cancelled requests to the scheduler that has them, as long as it is there.
#pragma once

#include <utility>

#include "core/cancel_token.h"
#include "core/mutex.h"

namespace triton_lite {

// `Scheduler` has `bool TakeCancelled(Dropped*)`, which takes what was cancelled from its queues and says whether that
// was anything, and `void AnswerCancelled(Dropped*)`, which answers it. In between it is counted as pending, so that a
// scheduler that drains waits for it; Detach must come first.
template <typename Scheduler, typename Dropped>
class CancelRelay : public CancelListener {
 public:
  explicit CancelRelay(Scheduler* scheduler) : scheduler_(scheduler) {}

  void Detach() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    scheduler_ = nullptr;
  }

  void OnCancelled() override EXCLUDES(mu_) {
    Dropped dropped;
    Scheduler* scheduler = nullptr;
    {
      MutexLock lock(mu_);
      if (scheduler_ == nullptr || !scheduler_->TakeCancelled(&dropped)) {
        return;
      }
      scheduler = scheduler_;
    }
    scheduler->AnswerCancelled(&dropped);
  }

 private:
  Mutex mu_;
  Scheduler* scheduler_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
