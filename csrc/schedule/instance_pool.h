// The instances of one model: which of them are idle, and which of the threads that run them sleep.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "core/mutex.h"
#include "schedule/scheduler.h"

namespace triton_lite {

// One thread that runs batches. It sleeps until it is picked; a wake-up costs 30-70 us, so each is for one thread.
class InstanceThread {
 public:
  // Called without the pool's lock by whoever got this thread from Pick.
  void Wake() { wake_.NotifyOne(); }

 private:
  friend class InstancePool;

  CondVar wake_;
  bool picked_ = false;  // Guarded by the pool's lock.
};

// Not thread-safe by itself: everything is called under the lock of the scheduler that owns it.
class InstancePool {
 public:
  // One thread for each instance, but any of them runs any instance.
  explicit InstancePool(Instances instances);

  std::size_t thread_count() const { return threads_.size(); }
  InstanceThread& thread(std::size_t i) { return *threads_[i]; }

  bool has_idle() const { return !idle_.empty(); }
  // Idle instances that no waking thread is going to use.
  bool has_unclaimed() const { return idle_.size() > waking_; }
  std::size_t waking() const { return waking_; }
  // A sleeping thread is going to look at the queue at some time.
  bool has_watch() const { return watch_ != nullptr; }

  // The one that was used last: its memory is warm.
  BackendInstance* TakeIdle();
  void GiveBack(BackendInstance* instance) { idle_.push_back(instance); }

  // Sleeps until picked or, when `until` is not 0, until that time (steady clock, nanoseconds).
  // One thread at a time should have a time: the others leave the watch to it.
  void Sleep(InstanceThread& self, Mutex& mu, std::uint64_t until) REQUIRES(mu);

  // A sleeping thread to wake, the one on watch first; null when all are awake.
  InstanceThread* Pick();

 private:
  void Forget(InstanceThread& thread);

  Instances instances_;
  std::vector<BackendInstance*> idle_;
  std::vector<std::unique_ptr<InstanceThread>> threads_;
  std::vector<InstanceThread*> asleep_;
  InstanceThread* watch_ = nullptr;
  std::size_t waking_ = 0;  // Picked, but not yet back from Sleep.
};

}  // namespace triton_lite
