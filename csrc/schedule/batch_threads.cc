// The threads of a batch scheduler: one for each instance, and one that answers what times out.
#include <chrono>
#include <memory>
#include <system_error>
#include <utility>

#include "schedule/batch_scheduler.h"

namespace triton_lite {

void BatchScheduler::Drain() {
  {
    MutexLock lock(mu_);
    draining_ = true;
    WakeAll();  // What waits for its batch to grow is run now.
    while (pending_ > 0) {
      drained_.Wait(mu_);
    }
    WakeAll();  // To their end.
  }
  MutexLock lock(join_mu_);
  for (std::thread& thread : threads_) {
    thread.join();
  }
  threads_.clear();
  if (expiry_thread_.joinable()) {
    expiry_thread_.join();
  }
}

void BatchScheduler::WakeAll() {
  while (InstanceThread* thread = pool_.Pick()) {
    thread->Wake();
  }
  expiry_wake_.NotifyAll();
}

void BatchScheduler::StartThreads() {
  if (!TryStartThreads()) {
    RefuseQueued();  // Without the lock: an answer may bring the next request.
  }
}

bool BatchScheduler::TryStartThreads() {
  MutexLock join_lock(join_mu_);
  std::vector<InstanceThread*> selves;
  {
    MutexLock lock(mu_);
    for (std::size_t i = threads_.size(); i < pool_.thread_count(); ++i) {
      selves.push_back(&pool_.thread(i));
    }
  }
  try {
    for (InstanceThread* const self : selves) {
      threads_.emplace_back([this, self] { RunThread(*self); });
    }
    if (may_reject_ && !expiry_thread_.joinable()) {
      expiry_thread_ = std::thread([this] { RunExpiry(); });
    }
  } catch (const std::system_error&) {
    return !threads_.empty();  // Fewer than there are instances will do.
  }
  return true;
}

void BatchScheduler::RefuseQueued() {
  std::vector<RequestPtr> refused;
  RateLimiter::Turns turns;
  {
    MutexLock lock(mu_);
    queue_.Take(queue_.size(), &refused);
    StandInLine(&turns);
    started_ = false;  // The next request tries again.
  }
  RateLimiter::Announce(std::move(turns));
  for (const RequestPtr& request : refused) {
    request->responder->Fail(Unavailable("no thread could be started for model '" + request->model_name + "'"));
  }
  MutexLock lock(mu_);
  Leave(refused.size());
}

void BatchScheduler::RunThread(InstanceThread& self) {
  Work work;
  while (NextWork(self, &work)) {
    Run(&work);
  }
}

bool BatchScheduler::NextWork(InstanceThread& self, Work* work) {
  MutexLock lock(mu_);
  FinishWork(work);
  while (!TakeWork(work)) {
    if (!work->turns.empty()) {
      return true;  // Without a batch: they are announced, and then it looks again.
    }
    if (draining_ && queue_.empty()) {
      return false;
    }
    // One thread watches the clock for the batch that is growing.
    pool_.Sleep(self, mu_, pool_.has_watch() ? 0 : work->look_again_at);
  }
  return true;
}

void BatchScheduler::RunExpiry() {
  Refused refused;
  RateLimiter::Turns turns;
  while (NextExpired(&refused, &turns)) {
    RateLimiter::Announce(std::exchange(turns, {}));
    const std::size_t count = refused.size();
    refused.Answer();
    MutexLock lock(mu_);
    Leave(count);
  }
}

bool BatchScheduler::NextExpired(Refused* refused, RateLimiter::Turns* turns) {
  MutexLock lock(mu_);
  while (!draining_ || pending_ > 0) {
    const std::uint64_t next = held() ? 0 : queue_.next_rejection();
    const std::uint64_t now = NowNanoseconds();
    if (next != 0 && now > next) {
      queue_.Expire(now, &refused->expired);
      StandInLine(turns);
      return true;
    }
    expiry_watched_ = next;
    if (next == 0) {
      expiry_wake_.Wait(mu_);
    } else {
      expiry_wake_.WaitUntil(mu_, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(next + 1)));
    }
  }
  return false;
}

}  // namespace triton_lite
