#include "engine/control_bridge.h"

#include <chrono>
#include <utility>

namespace triton_lite {
namespace {

void Refuse(Call& call, const char* why) { call.Reply(Answer{Unavailable(why), {}, {}}, true); }

}  // namespace

void ControlBridge::Push(CallPtr call) {
  const char* refusal = nullptr;
  {
    MutexLock lock(mu_);
    if (stopped_) {
      refusal = "Server is stopping and has stopped accepting new requests";
    } else if (waiting_.size() >= capacity_) {
      refusal = "the server is too busy for this request, try again later";
    } else {
      waiting_.push_back(std::move(call));
    }
  }
  if (refusal != nullptr) {
    Refuse(*call, refusal);
  } else {
    changed_.NotifyOne();
  }
}

std::unique_ptr<ControlCall> ControlBridge::Next(std::uint64_t deadline_ns) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline{std::chrono::nanoseconds(deadline_ns)};
  MutexLock lock(mu_);
  while (waiting_.empty() && !stopped_) {
    if (deadline_ns == 0) {
      changed_.Wait(mu_);
    } else if (!changed_.WaitUntil(mu_, deadline) && waiting_.empty()) {
      return nullptr;
    }
  }
  if (waiting_.empty()) {
    return nullptr;
  }
  auto next = std::make_unique<ControlCall>(std::move(waiting_.front()));
  waiting_.pop_front();
  return next;
}

bool ControlBridge::stopped() const {
  MutexLock lock(mu_);
  return stopped_;
}

void ControlBridge::Stop() {
  std::deque<CallPtr> refused;
  {
    MutexLock lock(mu_);
    stopped_ = true;
    refused.swap(waiting_);
  }
  changed_.NotifyAll();
  for (const CallPtr& call : refused) {
    Refuse(*call, "Server is stopping and has stopped accepting new requests");
  }
}

}  // namespace triton_lite
