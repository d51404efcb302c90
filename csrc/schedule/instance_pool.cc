#include "schedule/instance_pool.h"

#include <algorithm>
#include <chrono>
#include <utility>

namespace triton_lite {
InstancePool::InstancePool(Instances instances, Seats seats)
    : instances_(std::move(instances)), seats_(std::move(seats)) {
  idle_.reserve(instances_.size());
  running_.resize(instances_.size());
  asleep_.reserve(instances_.size());
  for (Index i = instances_.size(); i-- > 0;) {
    if (limited()) {
      resting_.push_back(i);
    } else {
      idle_.push_back(instances_[i].get());
    }
    threads_.push_back(std::make_unique<InstanceThread>());
  }
}

BackendInstance* InstancePool::TakeIdle() {
  BackendInstance* instance = idle_.back();
  idle_.pop_back();
  ++running_[IndexOf(instance)];
  return instance;
}

void InstancePool::Share(BackendInstance* instance, std::size_t limit) {
  const bool idle = std::find(idle_.begin(), idle_.end(), instance) != idle_.end();
  if (!limited() && !idle && running_[IndexOf(instance)] < limit) {
    idle_.insert(idle_.begin(), instance);
  }
}

void InstancePool::GiveBack(BackendInstance* instance, std::size_t batches, RateLimiter::Turns* turns) {
  const Index index = IndexOf(instance);
  const bool free = --running_[index] == 0;
  if (!limited()) {
    std::erase(idle_, instance);
    idle_.insert(free ? idle_.end() : idle_.begin(), instance);
    return;
  }
  RateLimiter::Seat& seat = *seats_[index];
  const bool again = waiting_.size() + idle_.size() < batches;
  RateLimiter::Append(seat.Finish(again), turns);
  if (!again) {
    resting_.push_back(index);
  } else if (seat.has_turn()) {
    idle_.push_back(instance);
  } else {
    waiting_.push_back(index);
  }
}

void InstancePool::StandInLine(std::size_t batches, RateLimiter::Turns* turns) {
  while (waiting_.size() + idle_.size() < batches && !resting_.empty()) {
    const Index index = TakeFirstInLine();
    if (seats_[index]->Ask()) {
      idle_.push_back(instances_[index].get());
    } else {
      waiting_.push_back(index);
    }
  }
  while (waiting_.size() + idle_.size() > batches) {
    if (waiting_.empty()) {
      resting_.push_back(IndexOf(idle_.back()));
      idle_.pop_back();
    } else {
      resting_.push_back(waiting_.back());
      waiting_.pop_back();
    }
    RateLimiter::Append(seats_[resting_.back()]->Withdraw(), turns);
  }
}

void InstancePool::AcceptTurns() {
  std::erase_if(waiting_, [this](Index index) {
    const bool has_turn = seats_[index]->has_turn();
    if (has_turn) {
      idle_.push_back(instances_[index].get());
    }
    return has_turn;
  });
}

void InstancePool::OnTurn(const RateLimiter::TurnHook& on_turn) {
  for (const RateLimiter::SeatPtr& seat : seats_) {
    seat->OnTurn(on_turn);
  }
}

void InstancePool::CloseSeats() {
  for (const RateLimiter::SeatPtr& seat : seats_) {
    seat->Close();
  }
}

InstancePool::Index InstancePool::IndexOf(const BackendInstance* instance) const {
  const auto it = std::find_if(instances_.begin(), instances_.end(),
                               [&](const auto& candidate) { return candidate.get() == instance; });
  return static_cast<Index>(it - instances_.begin());
}

InstancePool::Index InstancePool::TakeFirstInLine() {
  const auto first = std::min_element(resting_.begin(), resting_.end(),
                                      [this](Index a, Index b) { return seats_[a]->rank() < seats_[b]->rank(); });
  const Index index = *first;
  resting_.erase(first);
  return index;
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
