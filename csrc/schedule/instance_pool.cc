#include "schedule/instance_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace triton_lite {

InstancePool::InstancePool(Instances instances) : instances_(std::move(instances)) {
  idle_.reserve(instances_.size());
  asleep_.reserve(instances_.size());
  for (auto it = instances_.rbegin(); it != instances_.rend(); ++it) {
    idle_.push_back(it->get());
    threads_.push_back(std::make_unique<InstanceThread>());
  }
}

BackendInstance* InstancePool::TakeIdle() {
  BackendInstance* instance = idle_.back();
  idle_.pop_back();
  return instance;
}

void InstancePool::Sleep(InstanceThread& self, Mutex& mu, std::uint64_t until) {
  asleep_.push_back(&self);
  self.picked_ = false;
  if (until != 0) {
    watch_ = &self;
  }
  const std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(until)};
  while (!self.picked_) {
    if (until == 0) {
      self.wake_.Wait(mu);
    } else if (!self.wake_.WaitUntil(mu, deadline)) {
      break;
    }
  }
  if (self.picked_) {
    --waking_;
  } else {
    Forget(self);
  }
}

InstanceThread* InstancePool::Pick() {
  if (asleep_.empty()) {
    return nullptr;
  }
  InstanceThread* thread = watch_ != nullptr ? watch_ : asleep_.back();
  Forget(*thread);
  thread->picked_ = true;
  ++waking_;
  return thread;
}

void InstancePool::Forget(InstanceThread& thread) {
  asleep_.erase(std::find(asleep_.begin(), asleep_.end(), &thread));
  if (watch_ == &thread) {
    watch_ = nullptr;
  }
}

}  // namespace triton_lite
