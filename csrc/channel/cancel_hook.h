// What a call does when it is cancelled: shared by calls however they came.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/mutex.h"
#include "core/request.h"

namespace triton_lite {

// Thread-safe. Holds the call's token and at most one hook (Call::OnCancel), which runs at most once.
class CancelHook {
 public:
  const std::shared_ptr<CancelToken>& token() const { return token_; }

  // Cancels the token; runs the hook, if there is one, on this thread.
  void Cancel() EXCLUDES(mu_) {
    token_->Cancel();
    if (const std::function<void()> hook = Take()) {
      hook();
    }
  }

  // Keeps `hook` for Cancel, or runs it at once when that was before.
  void Set(std::function<void()> hook) EXCLUDES(mu_) {
    {
      MutexLock lock(mu_);
      if (!token_->cancelled()) {
        hook_ = std::move(hook);
        return;
      }
    }
    hook();
  }

  // Drops the hook when the call has ended: it may hold the call.
  void Drop() EXCLUDES(mu_) { Take(); }

 private:
  // The hook is destroyed by the caller, without the lock.
  std::function<void()> Take() EXCLUDES(mu_) {
    std::function<void()> hook;
    MutexLock lock(mu_);
    hook.swap(hook_);
    return hook;
  }

  const std::shared_ptr<CancelToken> token_ = std::make_shared<CancelToken>();
  Mutex mu_;
  std::function<void()> hook_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
