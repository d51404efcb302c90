// What waits for an instance: priority levels, highest first, each first come, first served under its own policy.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <utility>
#include <vector>

#include "core/request.h"
#include "core/scheduler_spec.h"
#include "schedule/request_fifo.h"

namespace triton_lite {

// Not thread-safe. A queue without priorities, limits and timeouts is one RequestFifo.
class RequestQueue {
 public:
  RequestQueue() = default;
  explicit RequestQueue(const DynamicBatchingSpec& batching);

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  std::uint64_t elements() const { return elements_; }  // Sum of the batch sizes.

  // Puts a request, whose times.queue_start is set, behind those of its level; its priority becomes that of the level.
  // False, and the request stays with the caller, when the level is full.
  bool Push(RequestPtr* request);

  // Shows what waits in the order in which it is to be taken, until `visit` returns false: within a level what still
  // has time before what is delayed.
  template <typename Visit>
  void Each(Visit&& visit) const {
    for (const auto& [number, level] : levels_) {
      for (const RequestFifo* const part : {&level.live, &level.delayed}) {
        for (const WaitingRequest& item : part->waiting()) {
          if (!visit(static_cast<const InferenceRequest&>(*item.request))) {
            return;
          }
        }
      }
    }
  }

  // Moves the first `count` to the end of `out`.
  void Take(std::size_t count, std::vector<RequestPtr>* out);

  // Moves those of the first `count` that were cancelled to the end of `out`; says whether there were any.
  bool TakeCancelled(std::size_t count, std::vector<RequestPtr>* out);

  // True: the clock matters to Expire.
  bool has_deadlines() const { return !rejections_.empty() || !delays_.empty(); }
  // When the order of what waits changes by itself, in steady-clock nanoseconds; 0 when it does not.
  std::uint64_t next_deadline() const {
    if (rejections_.empty() || delays_.empty()) {
      return rejections_.empty() && delays_.empty() ? 0 : (rejections_.empty() ? delays_ : rejections_).begin()->first;
    }
    return std::min(rejections_.begin()->first, delays_.begin()->first);
  }
  // When the next request is to be rejected, in steady-clock nanoseconds; 0 when none is going to be.
  std::uint64_t next_rejection() const { return rejections_.empty() ? 0 : rejections_.begin()->first; }

  // Applies the timeout action to everything whose time is over: moves it behind its level, or to the end of
  // `rejected`.
  void Expire(std::uint64_t now, std::vector<RequestPtr>* rejected);

 private:
  using LevelNumber = std::uint64_t;
  using Deadlines = std::multiset<std::pair<std::uint64_t, LevelNumber>>;

  struct Level {
    QueuePolicySpec policy;
    RequestFifo live;
    RequestFifo delayed;  // Timed out, and run when nothing else of the level waits.

    std::size_t size() const { return live.size() + delayed.size(); }
  };

  LevelNumber LevelOf(const InferenceRequest& request) const;
  Level& FindLevel(LevelNumber number);
  Deadlines& DeadlinesOf(const Level& level) {
    return level.policy.timeout_action == TimeoutAction::kReject ? rejections_ : delays_;
  }
  // The item is not among the live ones of its level any more.
  void ForgetDeadline(LevelNumber number, const Level& level, const WaitingRequest& item);
  void Leave(WaitingRequest item, std::vector<RequestPtr>* out);
  void DropEmptyLevels();

  DynamicBatchingSpec batching_;
  std::map<LevelNumber, Level> levels_;
  std::size_t size_ = 0;
  std::uint64_t elements_ = 0;
  Deadlines rejections_;
  Deadlines delays_;
};

}  // namespace triton_lite
