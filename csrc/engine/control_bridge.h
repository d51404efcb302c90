// The one narrow way from the data plane to the Python control plane: a bounded queue of control calls.
#pragma once

#include <deque>
#include <memory>
#include <string>

#include "channel/call.h"
#include "core/mutex.h"

namespace triton_lite {

// A call that the control plane answers, once. One that is dropped is answered INTERNAL by the channel.
class ControlCall {
 public:
  explicit ControlCall(CallPtr call) : call_(std::move(call)) {}
  const Call& call() const { return *call_; }
  void Reply(std::string message) { call_->Reply(Answer{{}, std::move(message), {}}, true); }
  void Fail(Status status) { call_->Reply(Answer{std::move(status), {}, {}}, true); }

 private:
  const CallPtr call_;
};

// Thread-safe. Push never blocks; any number of threads may wait in Next.
class ControlBridge {
 public:
  explicit ControlBridge(std::size_t capacity = 1024) : capacity_(capacity) {}

  // UNAVAILABLE to the caller when the queue is full or stopped.
  void Push(CallPtr call);

  // The oldest call. Null when `deadline_ns` (steady clock; 0 = none) passed or the bridge stopped.
  std::unique_ptr<ControlCall> Next(std::uint64_t deadline_ns);

  bool stopped() const;

  // Answers what waits with UNAVAILABLE and wakes everybody in Next. Idempotent.
  void Stop();

 private:
  const std::size_t capacity_;
  mutable Mutex mu_;
  CondVar changed_;
  std::deque<CallPtr> waiting_ GUARDED_BY(mu_);
  bool stopped_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite
