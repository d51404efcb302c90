// Whoever waits for an answer may give up: the flag that says so, and who is told when it is set.
#pragma once

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace triton_lite {

// Told on the thread that cancels, which may be the channel's reader: it must not block.
class CancelListener {
 public:
  virtual ~CancelListener() = default;
  virtual void OnCancelled() = 0;
};

// Schedulers drop a cancelled request from their queues and have backends stop a running one. Shared between the
// request, those that it gives rise to, and whoever cancels it. Thread-safe.
class CancelToken {
 public:
  // Sets the flag alone; Cancel is to follow. Of many that are cancelled together all are marked first: a scheduler
  // that is told of the first one then finds them all, instead of looking through its queue for each.
  void Mark() EXCLUDES(mu_) {
    MutexLock lock(mu_);
    cancelled_.store(true, std::memory_order_release);
  }

  // Tells the listeners, who may call back whoever cancels: not to be called with a lock.
  void Cancel() EXCLUDES(mu_) {
    std::vector<std::weak_ptr<CancelListener>> listeners;
    {
      MutexLock lock(mu_);
      cancelled_.store(true, std::memory_order_release);
      listeners.swap(listeners_);
    }
    for (const auto& listener : listeners) {
      if (const auto told = listener.lock()) {
        told->OnCancelled();
      }
    }
  }

  bool cancelled() const { return cancelled_.load(std::memory_order_acquire); }

  // `listener` is told when this is cancelled; at once if it is already.
  void Listen(const std::shared_ptr<CancelListener>& listener) EXCLUDES(mu_) {
    {
      MutexLock lock(mu_);
      if (!cancelled()) {
        listeners_.push_back(listener);
        return;
      }
    }
    listener->OnCancelled();
  }

 private:
  std::atomic<bool> cancelled_{false};
  Mutex mu_;
  std::vector<std::weak_ptr<CancelListener>> listeners_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
