// The threads of a sequence scheduler: one for each instance, and one that ends what was silent for too long.
#include <chrono>
#include <system_error>
#include <utility>

#include "schedule/sequence_scheduler.h"

namespace triton_lite {

void SequenceScheduler::RunThread(Runner& self) {
  Work work;
  while (NextWork(self, &work)) {
    AnswerUnrun(&work);
    if (!work.taken.empty()) {
      Execute(self, &work);
    }
  }
}

bool SequenceScheduler::NextWork(Runner& self, Work* work) {
  MutexLock lock(mu_);
  FinishWork(self, work);
  while (!TakeWork(self, work) && work->refused.empty() && work->turns.empty()) {
    if (stopped_) {
      return false;
    }
    self.asleep = true;
    self.woken = false;
    const std::uint64_t until = work->batch.look_again_at;
    self.sleeps_until = until;
    const std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(until)};
    while (!self.woken) {
      if (until == 0) {
        self.wake.Wait(mu_);
      } else if (!self.wake.WaitUntil(mu_, deadline)) {
        break;
      }
    }
    self.asleep = false;
  }
  return true;
}

// On the thread that brought the request: a wake-up costs more than a quick model.
void SequenceScheduler::RunInline(Runner& runner, Work work) {
  AnswerUnrun(&work);
  if (!work.taken.empty()) {
    Execute(runner, &work);
  }
  CondVar* wake = nullptr;
  do {
    AnswerUnrun(&work);
    MutexLock lock(mu_);
    FinishWork(runner, &work);
    if (ShouldWake(runner)) {
      wake = Wake(runner);
    }
  } while (!work.refused.empty() || !work.turns.empty());
  if (wake != nullptr) {
    wake->NotifyOne();
  }
}

CondVar* SequenceScheduler::Wake(Runner& runner) {
  runner.woken = true;
  return &runner.wake;
}

void SequenceScheduler::WakeAll() {
  for (const auto& runner : runners_) {
    if (runner->asleep && !runner->woken) {
      Wake(*runner)->NotifyOne();
    }
  }
}

void SequenceScheduler::RunReaper() {
  Work work;
  while (Reap(&work)) {
    AnswerUnrun(&work);
  }
}

bool SequenceScheduler::Reap(Work* work) {
  MutexLock lock(mu_);
  CountEnded(work);
  while (!stopped_) {
    const std::uint64_t now = NowNanoseconds();
    for (const SlotPlace& place : table_.TakeSilent(now)) {
      Runner& runner = *runners_[place.batcher];
      runner.batcher->End(place.slot);
      EndIfUnused(runner, &work->turns);
      if (ShouldWake(runner)) {
        Wake(runner)->NotifyOne();
      }
    }
    std::vector<RequestPtr> expired;
    table_.TakeExpired(now, &expired);
    for (RequestPtr& request : expired) {
      work->refused.emplace_back(std::move(request),
                                 Unavailable("timeout of the corresponding sequence has been expired"));
      ++work->ended;
    }
    if (!expired.empty() || !work->turns.empty()) {
      return true;
    }
    reaper_looks_at_ = table_.next_deadline();
    if (reaper_looks_at_ == Backlog::kNever) {
      reaper_wake_.Wait(mu_);
    } else {
      reaper_wake_.WaitUntil(mu_, std::chrono::steady_clock::time_point{std::chrono::nanoseconds(reaper_looks_at_)});
    }
    reaper_looks_at_ = 0;
  }
  return false;
}

void SequenceScheduler::StartThreads() {
  for (Runner* const runner : TryStartThreads()) {
    RunHere(*runner);  // Without the lock: a model may bring the next request.
  }
}

std::vector<SequenceScheduler::Runner*> SequenceScheduler::TryStartThreads() {
  MutexLock join_lock(join_mu_);
  std::vector<Runner*> runners;
  {
    MutexLock lock(mu_);
    for (const auto& runner : runners_) {
      runners.push_back(runner.get());
    }
  }
  try {
    if (threads_.empty()) {
      threads_.emplace_back([this] { RunReaper(); });
    }
    for (Runner* const runner : runners) {
      if (!runner->has_thread) {
        threads_.emplace_back([this, runner] { RunThread(*runner); });
        runner->has_thread = true;
      }
    }
    return {};
  } catch (const std::system_error&) {
    MutexLock lock(mu_);
    started_ = false;  // The next request tries again.
  }
  std::erase_if(runners, [](const Runner* runner) { return runner->has_thread; });
  return runners;
}

// What waits now, on a thread that came with a request.
void SequenceScheduler::RunHere(Runner& runner) {
  Work work;
  {
    MutexLock lock(mu_);
    work.ran = TakeWork(runner, &work);
  }
  if (work.ran) {
    RunInline(runner, std::move(work));
  } else {
    AnswerUnrun(&work);
  }
}

void SequenceScheduler::Drain() {
  {
    MutexLock lock(mu_);
    draining_ = true;
    EndIdleForBacklog();
    WakeAll();
    while (pending_ > 0) {
      drained_.Wait(mu_);
    }
    stopped_ = true;
    WakeAll();
    reaper_wake_.NotifyAll();
  }
  MutexLock lock(join_mu_);
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
}

}  // namespace triton_lite
