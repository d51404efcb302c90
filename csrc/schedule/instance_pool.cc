#include "schedule/instance_pool.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace triton_lite {
InstancePool::InstancePool(Instances instances, Seats seats) : limited_(!seats.empty()), members_(instances.size()) {
  idle_.reserve(instances.size());
  asleep_.reserve(instances.size());
  for (Index i = instances.size(); i-- > 0;) {
    members_[i].instance = std::move(instances[i]);
    if (limited_) {
      members_[i].seat = std::move(seats[i]);
      resting_.push_back(i);
    } else {
      idle_.push_back(members_[i].instance.get());
    }
    threads_.push_back(std::make_unique<InstanceThread>());
  }
}

std::size_t InstancePool::Add(std::unique_ptr<BackendInstance> instance, RateLimiter::SeatPtr seat) {
  const auto gone =
      std::find_if(members_.begin(), members_.end(), [](const Member& m) { return m.instance == nullptr; });
  const auto index = static_cast<Index>(gone - members_.begin());
  if (gone == members_.end()) {
    members_.emplace_back();
    threads_.push_back(std::make_unique<InstanceThread>());
  }
  Member& member = members_[index];
  member.instance = std::move(instance);
  member.seat = std::move(seat);
  if (limited_) {
    resting_.push_back(index);
  } else {
    idle_.push_back(member.instance.get());
  }
  return index;
}

void InstancePool::Remove(std::size_t number, const InstanceEnd& end, RateLimiter::Turns* turns) {
  Member& member = members_[number];
  member.end = end;
  std::erase(idle_, member.instance.get());
  std::erase(resting_, number);
  std::erase(waiting_, number);
  if (limited_ && member.running == 0) {
    RateLimiter::Append(member.seat->Withdraw(), turns);
  }
  EndIfUnused(member);
}

void InstancePool::EndIfUnused(Member& member) {
  if (member.end == nullptr || member.running > 0 || member.held > 0) {
    return;
  }
  if (limited_) {
    std::erase_if(former_seats_, [](const auto& seat) { return seat.expired(); });
    former_seats_.push_back(member.seat);
  }
  std::exchange(member.end, nullptr)(std::move(member.instance), std::move(member.seat));
}

bool InstancePool::has_idle(std::size_t count) const {
  if (idle_.size() <= count || limited_) {  // Who has a turn is not to keep it.
    return idle_.size() > count;
  }
  for (const BackendInstance* const instance : idle_) {
    if (!instance->down() && count-- == 0) {
      return true;
    }
  }
  return !OtherIsUp(idle_);
}

bool InstancePool::OtherIsUp(const std::vector<BackendInstance*>& these) const {
  return std::any_of(members_.begin(), members_.end(), [&](const Member& member) {
    return member.instance != nullptr && member.end == nullptr &&
           std::find(these.begin(), these.end(), member.instance.get()) == these.end() && !member.instance->down();
  });
}

BackendInstance* InstancePool::TakeIdle() {
  const auto up = std::find_if(idle_.rbegin(), idle_.rend(), [](const auto* instance) { return !instance->down(); });
  const auto taken = up == idle_.rend() ? std::prev(idle_.end()) : std::prev(up.base());
  BackendInstance* const instance = *taken;
  idle_.erase(taken);
  Member& member = members_[IndexOf(instance)];
  ++member.running;
  ++member.held;
  return instance;
}

void InstancePool::LetGo(BackendInstance* instance) {
  Member& member = members_[IndexOf(instance)];
  --member.held;
  EndIfUnused(member);
}

void InstancePool::Share(BackendInstance* instance, std::size_t limit) {
  const Member& member = members_[IndexOf(instance)];
  const bool idle = std::find(idle_.begin(), idle_.end(), instance) != idle_.end();
  if (!limited_ && !idle && member.end == nullptr && member.running < limit) {
    idle_.insert(idle_.begin(), instance);
  }
}

void InstancePool::GiveBack(BackendInstance* instance, std::size_t batches, RateLimiter::Turns* turns) {
  const Index index = IndexOf(instance);
  Member& member = members_[index];
  const bool free = --member.running == 0;
  const bool leaves = member.end != nullptr;
  if (!limited_) {
    std::erase(idle_, instance);
    if (!leaves) {
      idle_.insert(free ? idle_.end() : idle_.begin(), instance);
    }
    EndIfUnused(member);
    return;
  }
  const bool again = !leaves && waiting_.size() + idle_.size() < batches && !instance->down();
  RateLimiter::Append(member.seat->Finish(again), turns);
  if (leaves) {
    EndIfUnused(member);
  } else if (!again) {
    resting_.push_back(index);
  } else if (member.seat->has_turn()) {
    idle_.push_back(instance);
  } else {
    waiting_.push_back(index);
  }
}

void InstancePool::StandInLine(std::size_t batches, RateLimiter::Turns* turns) {
  while (waiting_.size() + idle_.size() < batches) {
    const std::optional<Index> index = TakeFirstInLine();
    if (!index.has_value()) {
      break;
    }
    if (members_[*index].seat->Ask()) {
      idle_.push_back(members_[*index].instance.get());
    } else {
      waiting_.push_back(*index);
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
    RateLimiter::Append(members_[resting_.back()].seat->Withdraw(), turns);
  }
}

void InstancePool::AcceptTurns() {
  std::erase_if(waiting_, [this](Index index) {
    const bool has_turn = members_[index].seat->has_turn();
    if (has_turn) {
      idle_.push_back(members_[index].instance.get());
    }
    return has_turn;
  });
}

void InstancePool::OnTurn(const RateLimiter::TurnHook& on_turn) {
  for (const Member& member : members_) {
    if (member.seat != nullptr) {
      member.seat->OnTurn(on_turn);
    }
  }
}

void InstancePool::CloseSeats() {
  for (const Member& member : members_) {
    if (member.seat != nullptr) {
      member.seat->Close();
    }
  }
  for (const auto& former : former_seats_) {
    if (const RateLimiter::SeatPtr seat = former.lock()) {
      seat->Close();
    }
  }
}

InstancePool::Index InstancePool::IndexOf(const BackendInstance* instance) const {
  const auto it = std::find_if(members_.begin(), members_.end(),
                               [&](const Member& member) { return member.instance.get() == instance; });
  return static_cast<Index>(it - members_.begin());
}

std::vector<BackendInstance*> InstancePool::Resting() const {
  std::vector<BackendInstance*> resting;
  for (const Index index : resting_) {
    resting.push_back(members_[index].instance.get());
  }
  return resting;
}

std::optional<InstancePool::Index> InstancePool::TakeFirstInLine() {
  using Place = std::pair<bool, std::uint64_t>;  // Those that are down come last.
  auto first = resting_.end();
  Place least;
  for (auto it = resting_.begin(); it != resting_.end(); ++it) {
    const Member& member = members_[*it];
    const Place place{member.instance->down(), member.seat->rank()};
    if (first == resting_.end() || place < least) {
      first = it;
      least = place;
    }
  }
  if (first == resting_.end() || (least.first && OtherIsUp(Resting()))) {
    return std::nullopt;
  }
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
