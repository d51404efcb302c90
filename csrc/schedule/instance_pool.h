// The instances of one model: which of them are idle, and which of the threads that run them sleep.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "core/mutex.h"
#include "schedule/rate_limiter.h"
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
  // One thread for each instance, but any of them runs any instance. `seats`: one for each where they are limited;
  // an instance is idle only while it has a turn then.
  explicit InstancePool(Instances instances, Seats seats = {});

  // Returns the number of the instance: the lowest that no other has. There is a thread for it then, which sleeps for
  // good where instances have gone.
  std::size_t Add(std::unique_ptr<BackendInstance> instance, RateLimiter::SeatPtr seat);
  // Instance `number` is not given out any more; `end` takes it over once nobody uses it.
  void Remove(std::size_t number, const InstanceEnd& end, RateLimiter::Turns* turns);

  std::size_t thread_count() const { return threads_.size(); }
  InstanceThread& thread(std::size_t i) { return *threads_[i]; }

  bool has_idle() const { return has_idle(0); }
  // Idle instances that no waking thread is going to use.
  bool has_unclaimed() const { return has_idle(waking_); }
  std::size_t waking() const { return waking_; }
  // A sleeping thread is going to look at the queue at some time.
  bool has_watch() const { return watch_ != nullptr; }

  // The one that was used last, whose memory is warm; one that runs something only if all others do, too. One that is
  // down only if all are: it fails what it is given at once, and would be the idle one whenever the others are busy. It
  // is used until GiveBack was called for its batch, and LetGo by who took it.
  BackendInstance* TakeIdle();
  void LetGo(BackendInstance* instance);
  // An instance that runs a batch elsewhere is idle still as long as it runs fewer than `limit` of them.
  void Share(BackendInstance* instance, std::size_t limit);
  // `batches`: as for StandInLine. `turns` is to be announced without the scheduler's lock.
  void GiveBack(BackendInstance* instance, std::size_t batches = 0, RateLimiter::Turns* turns = nullptr);

  bool limited() const { return limited_; }
  // Limited pools: nobody stands in line or has a turn, so nobody would look at a batch that grows.
  bool lacks_watch() const {
    return limited() && idle_.empty() && waiting_.empty() && !resting_.empty() && watch_ == nullptr;
  }
  // So many batches wait: as many instances are to have a turn or to wait for one, those that ran least first.
  void StandInLine(std::size_t batches, RateLimiter::Turns* turns);
  // Instances whose turn has come become idle.
  void AcceptTurns();
  // `on_turn` is called when AcceptTurns has something to do; not any more after CloseSeats, which must not be called
  // under a lock that `on_turn` takes.
  void OnTurn(const RateLimiter::TurnHook& on_turn);
  void CloseSeats();

  // Sleeps until picked or, when `until` is not 0, until that time (steady clock, nanoseconds).
  // One thread at a time should have a time: the others leave the watch to it.
  void Sleep(InstanceThread& self, Mutex& mu, std::uint64_t until) REQUIRES(mu);

  // A sleeping thread to wake, the one on watch first; null when all are awake.
  InstanceThread* Pick();

 private:
  using Index = std::size_t;  // Of a member.

  // An instance, and what becomes of it. The place of one that is gone is for the next that is added.
  struct Member {
    std::unique_ptr<BackendInstance> instance;  // Null: it is gone.
    RateLimiter::SeatPtr seat;                  // Of limited ones.
    std::size_t running = 0;                    // Batches.
    std::size_t held = 0;                       // Threads that took it and have not let it go.
    InstanceEnd end;                            // Set: it leaves.
  };

  // Whether more than `count` of those that are idle may be given something.
  bool has_idle(std::size_t count) const;
  // Whether there is one besides `these` that is up: then it runs something, or is about to, and its end has the queue
  // looked at again. Of `these` nobody is asked twice, since they may come up in between.
  bool OtherIsUp(const std::vector<BackendInstance*>& these) const;
  void Forget(InstanceThread& thread);
  Index IndexOf(const BackendInstance* instance) const;
  std::vector<BackendInstance*> Resting() const;
  std::optional<Index> TakeFirstInLine();
  void EndIfUnused(Member& member);

  const bool limited_;
  std::vector<Member> members_;
  std::vector<std::weak_ptr<RateLimiter::Seat>> former_seats_;  // Of those that are gone: somebody may have them still.
  std::vector<Index> resting_;                                  // Limited, and not in line.
  std::vector<Index> waiting_;                                  // In line.
  std::vector<BackendInstance*> idle_;                          // Those that run something first.
  std::vector<std::unique_ptr<InstanceThread>> threads_;
  std::vector<InstanceThread*> asleep_;
  InstanceThread* watch_ = nullptr;
  std::size_t waking_ = 0;  // Picked, but not yet back from Sleep.
};

}  // namespace triton_lite
