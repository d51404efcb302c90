// RingClient's blocking side: threads that wait for their answers.
#include <sys/epoll.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "channel/ring_client.h"

namespace triton_lite {
namespace {

int MillisecondsUntil(std::uint64_t deadline_ns) {
  if (deadline_ns == 0) {
    return -1;
  }
  const std::uint64_t now = NowNanoseconds();
  const std::uint64_t left = now >= deadline_ns ? 0 : (deadline_ns - now + 999'999) / 1'000'000;
  return static_cast<int>(std::min<std::uint64_t>(left, std::numeric_limits<int>::max()));
}

bool HasPassed(std::uint64_t deadline_ns) { return deadline_ns != 0 && NowNanoseconds() >= deadline_ns; }

}  // namespace

void RingClient::Claim(CallId call) {
  CallTable::Entry* const entry = calls_.Find(call);
  if (entry == nullptr || entry->waited) {
    return;
  }
  entry->waited = true;
  const auto mine = std::stable_partition(unclaimed_.begin(), unclaimed_.end(),
                                          [call](const auto& answer) { return answer->call() != call; });
  std::move(mine, unclaimed_.end(), std::back_inserter(entry->answers));
  unclaimed_.erase(mine, unclaimed_.end());
}

ReceivedAnswerPtr RingClient::TakeFor(CallId call) {
  CallTable::Entry* const entry = calls_.Find(call);
  if (entry == nullptr) {
    return std::make_unique<LocalAnswer>(call, Internal("the call is not in flight"));
  }
  if (entry->answers.empty()) {
    return nullptr;
  }
  ReceivedAnswerPtr answer = std::move(entry->answers.front());
  entry->answers.erase(entry->answers.begin());
  Take(*answer);
  return answer;
}

void RingClient::CallNextLeader() {
  if (!leading_ && !followers_.empty()) {
    followers_.back()->parking.Call();
  }
}

ReceivedAnswerPtr RingClient::Wait(CallId call, std::uint64_t deadline_ns, bool* interrupted) {
  *interrupted = false;
  Owners released;
  Follower self{call, {}};
  Parking::Woken woken = Parking::Woken::kCalled;
  while (true) {
    bool lead = false;
    {
      MutexLock lock(mu_);
      std::erase(followers_, &self);
      Claim(call);
      Drain(&released);
      ReceivedAnswerPtr answer = TakeFor(call);
      *interrupted = answer == nullptr && woken == Parking::Woken::kInterrupted;
      if (answer != nullptr || *interrupted || HasPassed(deadline_ns)) {
        CallNextLeader();
        return answer;
      }
      lead = !leading_;
      if (lead) {
        leading_ = true;
        leader_call_ = call;
      } else {
        followers_.push_back(&self);
      }
    }
    woken = lead ? Lead(deadline_ns) : self.parking.Sleep(deadline_ns);
  }
}

Parking::Woken RingClient::Lead(std::uint64_t deadline_ns) {
  const bool found = leader_look_.Look([this] { return AnswersWait(); }, SharesCore());
  const Parking::Woken woken = found ? Parking::Woken::kCalled : SleepAsLeader(deadline_ns);
  Owners released;
  MutexLock lock(mu_);
  leading_ = false;
  leader_sleeps_ = false;
  if (!found) {
    link_->memory.header().client_sleeps.fetch_and(~std::uint32_t{kThreadSleeps}, std::memory_order_acq_rel);
    CheckSocket(&released);
  }
  return woken;
}

Parking::Woken RingClient::SleepAsLeader(std::uint64_t deadline_ns) {
  {
    MutexLock lock(mu_);
    // Another thread may have read the answer in the meantime.
    const CallTable::Entry* const entry = calls_.Find(leader_call_);
    if (entry == nullptr || !entry->answers.empty()) {
      return Parking::Woken::kCalled;
    }
    leader_sleeps_ = true;
  }
  link_->memory.header().client_sleeps.fetch_or(kThreadSleeps, std::memory_order_acq_rel);
  FullFence();
  if (AnswersWait()) {
    return Parking::Woken::kCalled;
  }
  epoll_event events[4];
  const int count = epoll_wait(thread_events_.get(), events, 4, MillisecondsUntil(deadline_ns));
  if (count < 0 && errno == EINTR) {
    return Parking::Woken::kInterrupted;
  }
  return count == 0 ? Parking::Woken::kDeadline : Parking::Woken::kCalled;
}

}  // namespace triton_lite
