// How a batch scheduler runs batches: on the thread that took them, or elsewhere by an instance that says when it is
// done.
#include <memory>
#include <utility>

#include "schedule/batch_scheduler.h"
#include "schedule/execution.h"
#include "schedule/refusal.h"

namespace triton_lite {

void BatchScheduler::Run(Work* work) {
  RateLimiter::Announce(std::exchange(work->turns, {}));
  if (work->wake != nullptr) {
    work->wake->Wake();
  }
  work->refused.Answer();
  if (work->batch.empty()) {
    return;
  }
  if (starts_) {
    return Start(work);
  }
  work->execution_nanoseconds = Execute(*work->instance, work->view, work->batch);
  work->view.clear();
  work->batch.clear();
}

void BatchScheduler::Start(Work* work) {
  const std::size_t count = work->batch.size();
  const std::uint64_t start = StampExecution(work->view, *work->view.front());
  // The model, and this with it, lasts until the hook has returned.
  const auto executed = [this, instance = work->instance, count, start,
                         model = work->batch.front()->model](std::vector<RequestPtr> batch) {
    Work done;
    done.instance = instance;
    done.taken = count;
    done.execution_nanoseconds = NowNanoseconds() - start;
    OnExecuted(std::move(done), std::move(batch));
  };
  if (work->instance->Start(work->view, &work->batch, executed)) {
    work->started = std::exchange(work->instance, nullptr);
    work->taken -= count;
  } else {
    LetGo(work->batch);
  }
  work->view.clear();
  work->batch.clear();
}

void BatchScheduler::OnExecuted(Work work, std::vector<RequestPtr> batch) {
  LetGo(batch);
  batch.clear();
  InstanceThread* wake = nullptr;
  while (true) {
    {
      MutexLock lock(mu_);
      FinishWork(&work);
      wake = NextIsLarge() ? ThreadToWake() : nullptr;
      if (wake != nullptr) {
        break;
      }
      if (!TakeWork(&work) && work.turns.empty()) {
        wake = ThreadToWake();
        break;
      }
    }
    Run(&work);
  }
  RateLimiter::Announce(std::exchange(work.turns, {}));  // Of others, to whom the batch's resources went.
  if (wake != nullptr) {
    wake->Wake();
  }
}

bool BatchScheduler::NextIsLarge() const {
  bool large = false;
  queue_.Each([&large](const InferenceRequest& request) {
    large = !IsSmall(request);
    return false;
  });
  return large;
}

void BatchScheduler::LetGo(std::span<RequestPtr> batch) {
  for (RequestPtr& request : batch) {
    if (request == nullptr) {
      continue;  // Goes on without us.
    }
    if (request->reschedule) {
      Refuse(*request, FailureReason::kOther, RefusedToRunAgain());
    }
    request->responder->Retain(request);
    request.reset();
  }
}

std::uint64_t BatchScheduler::Execute(BackendInstance& instance, std::span<InferenceRequest* const> view,
                                      std::span<RequestPtr> batch) {
  const std::uint64_t start = StampExecution(view, *view.front());
  instance.Execute(view);
  const std::uint64_t end = NowNanoseconds();
  LetGo(batch);
  return end - start;
}

// Without the vectors of a batch: this is the path of the quickest models.
void BatchScheduler::RunInline(RequestPtr request, BackendInstance* instance) {
  if (preserve_ordering_) {
    order_.Admit(*request);
  }
  InferenceRequest* const view = request.get();
  Work work;
  work.taken = 1;
  work.instance = work.held = instance;
  if (starts_) {
    work.view.push_back(view);
    work.batch.push_back(std::move(request));
    Start(&work);
  } else {
    work.execution_nanoseconds = Execute(*instance, {&view, 1}, {&request, 1});
  }
  InstanceThread* wake = nullptr;
  {
    MutexLock lock(mu_);
    FinishWork(&work);
    wake = ThreadToWake();
  }
  if (wake != nullptr) {
    wake->Wake();
  }
}

}  // namespace triton_lite
