// The channel's client over rings.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "channel/body_registry.h"
#include "channel/call_table.h"
#include "channel/client.h"
#include "channel/parking.h"
#include "channel/region_table.h"
#include "channel/ring_link.h"
#include "channel/second_look.h"
#include "core/mutex.h"
#include "memory/arena.h"

namespace triton_lite {

class RingClient : public ChannelClient {
 public:
  RingClient(const RingClientOptions& options, std::shared_ptr<RingLink> link, std::shared_ptr<Arena> requests);
  ~RingClient() override;
  bool valid() const;

  Result<CallId> Send(Method method, const CallBody& body) override EXCLUDES(mu_);
  Result<Buffer> AllocateBody(std::size_t byte_size) override EXCLUDES(mu_);
  void Cancel(CallId call) override EXCLUDES(mu_);
  int fd() const override { return loop_events_.get(); }
  std::vector<ReceivedAnswerPtr> Poll() override EXCLUDES(mu_);
  bool ArmWakeup() override EXCLUDES(mu_);
  ReceivedAnswerPtr Wait(CallId call, std::uint64_t deadline_ns, bool* interrupted) override EXCLUDES(mu_);
  bool connected() const override { return connected_.load(std::memory_order_relaxed); }
  Tracing tracing() const override {
    return static_cast<Tracing>(link_->memory.header().tracing.load(std::memory_order_relaxed));
  }

 private:
  using Owners = CallTable::Owners;

  // A thread in Wait that does not read the ring itself.
  struct Follower {
    CallId call;
    Parking parking;
  };

  // Sending.
  Status Encode(const CallBody& body, OutgoingFrame* frame) EXCLUDES(mu_);
  Result<CallId> Publish(Method method, OutgoingFrame* frame, Owners* released) EXCLUDES(mu_);
  bool Announce(const OutgoingFrame& frame) REQUIRES(mu_);
  void CollectReleases(Owners* released) REQUIRES(mu_);
  void FreeReleased() EXCLUDES(mu_);

  // Receiving. `released` takes memory that is to be freed without the lock.
  bool AnswersWait() const;
  // The engine was last seen on this thread's core.
  bool SharesCore() const;
  void Drain(Owners* released) REQUIRES(mu_);
  void Route(ReceivedAnswerPtr answer) REQUIRES(mu_);
  void CheckSocket(Owners* released) REQUIRES(mu_);
  void Lose(Owners* released) REQUIRES(mu_);
  std::vector<ReceivedAnswerPtr> TakeUnclaimed() REQUIRES(mu_);
  void Take(const ReceivedAnswer& answer) REQUIRES(mu_);

  // Waiting.
  void Claim(CallId call) REQUIRES(mu_);
  ReceivedAnswerPtr TakeFor(CallId call) REQUIRES(mu_);
  void CallNextLeader() REQUIRES(mu_);
  Parking::Woken Lead(std::uint64_t deadline_ns) EXCLUDES(mu_);
  Parking::Woken SleepAsLeader(std::uint64_t deadline_ns) EXCLUDES(mu_);

  const std::uint32_t max_calls_;
  const std::shared_ptr<RingLink> link_;
  const std::shared_ptr<Arena> requests_;
  const std::shared_ptr<BodyRegistry> bodies_;
  const FileDescriptor local_event_;    // Rung for the loop when a waiting thread read its answers.
  const FileDescriptor loop_events_;    // What wakes the event loop.
  const FileDescriptor thread_events_;  // What wakes the leading thread.
  std::atomic<bool> connected_{true};
  std::atomic<std::uint64_t> answers_head_{0};  // Written under mu_.

  std::atomic<bool> polling_{false};  // A thread looks again inside Poll.
  SecondLook loop_look_;              // Belongs to that thread.
  SecondLook leader_look_;            // Belongs to the leader.

  Mutex mu_;
  CallTable calls_ GUARDED_BY(mu_);
  RegionTable regions_ GUARDED_BY(mu_);
  std::uint64_t calls_tail_ GUARDED_BY(mu_) = 0;
  std::vector<ReceivedAnswerPtr> unclaimed_ GUARDED_BY(mu_);
  bool loop_armed_ GUARDED_BY(mu_) = false;
  bool leading_ GUARDED_BY(mu_) = false;
  CallId leader_call_ GUARDED_BY(mu_) = 0;
  bool leader_sleeps_ GUARDED_BY(mu_) = false;
  std::vector<Follower*> followers_ GUARDED_BY(mu_);
  std::vector<std::uint32_t> regions_gone_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
