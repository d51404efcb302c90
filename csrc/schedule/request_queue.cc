#include "schedule/request_queue.h"

#include <algorithm>
#include <limits>

namespace triton_lite {
namespace {

// Empty levels are kept for the next request, but clients may name any number of levels.
constexpr std::size_t kKeptLevels = 16;

// When `request` has waited too long; 0: never. A request may ask for less than the policy's time, never for more.
std::uint64_t Deadline(const QueuePolicySpec& policy, const InferenceRequest& request) {
  std::uint64_t microseconds = policy.default_timeout_microseconds;
  if (policy.allow_timeout_override && request.timeout_microseconds != 0) {
    microseconds = std::min(microseconds, request.timeout_microseconds);
  }
  if (microseconds == 0) {
    return 0;
  }
  const std::uint64_t start = request.times.queue_start;
  const std::uint64_t room = std::numeric_limits<std::uint64_t>::max() - start;
  return microseconds < room / 1000 ? start + microseconds * 1000 : 0;
}

}  // namespace

RequestQueue::RequestQueue(const DynamicBatchingSpec& batching) : batching_(batching) {}

RequestQueue::LevelNumber RequestQueue::LevelOf(const InferenceRequest& request) const {
  if (batching_.priority_levels == 0) {
    return 0;
  }
  const bool known = request.priority != 0 && request.priority <= batching_.priority_levels;
  return known ? request.priority : batching_.default_priority_level;
}

RequestQueue::Level& RequestQueue::FindLevel(LevelNumber number) {
  const auto found = levels_.find(number);
  if (found != levels_.end()) {
    return found->second;
  }
  Level& level = levels_[number];
  const auto own = batching_.priority_queue_policy.find(number);
  // Policies of levels count only where there are levels.
  level.policy =
      number != 0 && own != batching_.priority_queue_policy.end() ? own->second : batching_.default_queue_policy;
  return level;
}

bool RequestQueue::Push(RequestPtr* request) {
  const LevelNumber number = LevelOf(**request);
  Level& level = FindLevel(number);
  if (level.policy.max_queue_size != 0 && level.size() >= level.policy.max_queue_size) {
    return false;
  }
  (*request)->priority = number;
  const std::uint64_t deadline = Deadline(level.policy, **request);
  if (deadline != 0) {
    DeadlinesOf(level).emplace(deadline, number);
  }
  ++size_;
  elements_ += (*request)->batch_size;
  level.live.Push({std::move(*request), deadline});
  return true;
}

void RequestQueue::Take(std::size_t count, std::vector<RequestPtr>* out) {
  for (auto& [number, level] : levels_) {
    if (count == 0) {
      break;
    }
    const std::size_t live = std::min(count, level.live.size());
    level.live.TakeFirst(live, [&, n = number, &from = level](WaitingRequest item) {
      ForgetDeadline(n, from, item);
      Leave(std::move(item), out);
    });
    const std::size_t delayed = std::min(count - live, level.delayed.size());
    level.delayed.TakeFirst(delayed, [&](WaitingRequest item) { Leave(std::move(item), out); });
    count -= live + delayed;
  }
  DropEmptyLevels();
}

bool RequestQueue::TakeCancelled(std::size_t count, std::vector<RequestPtr>* out) {
  std::size_t left = count;
  bool any = false;
  Each([&](const InferenceRequest& request) {
    any = left > 0 && request.cancel->cancelled();
    return left > 0 && --left > 0 && !any;
  });
  if (!any) {
    return false;
  }
  const auto cancelled = [](const WaitingRequest& item) { return item.request->cancel->cancelled(); };
  for (auto& [number, level] : levels_) {
    const std::size_t live = std::min(count, level.live.size());
    level.live.TakeIf(live, cancelled, [&, n = number, &from = level](WaitingRequest item) {
      ForgetDeadline(n, from, item);
      Leave(std::move(item), out);
    });
    const std::size_t delayed = std::min(count - live, level.delayed.size());
    level.delayed.TakeIf(delayed, cancelled, [&](WaitingRequest item) { Leave(std::move(item), out); });
    count -= live + delayed;
    if (count == 0) {
      break;
    }
  }
  return true;
}

void RequestQueue::Expire(std::uint64_t now, std::vector<RequestPtr>* rejected) {
  const auto over = [now](const WaitingRequest& item) { return item.deadline != 0 && now > item.deadline; };
  for (Deadlines* const deadlines : {&rejections_, &delays_}) {
    while (!deadlines->empty() && now > deadlines->begin()->first) {
      const LevelNumber number = deadlines->begin()->second;
      Level& level = levels_.find(number)->second;
      level.live.TakeIf(level.live.size(), over, [&](WaitingRequest item) {
        ForgetDeadline(number, level, item);
        if (deadlines == &delays_) {
          level.delayed.Push({std::move(item.request), 0});
        } else {
          Leave(std::move(item), rejected);
        }
      });
    }
  }
}

void RequestQueue::ForgetDeadline(LevelNumber number, const Level& level, const WaitingRequest& item) {
  if (item.deadline != 0) {
    Deadlines& deadlines = DeadlinesOf(level);
    deadlines.erase(deadlines.find({item.deadline, number}));
  }
}

void RequestQueue::Leave(WaitingRequest item, std::vector<RequestPtr>* out) {
  --size_;
  elements_ -= item.request->batch_size;
  out->push_back(std::move(item.request));
}

void RequestQueue::DropEmptyLevels() {
  if (levels_.size() > kKeptLevels) {
    std::erase_if(levels_, [](const auto& entry) { return entry.second.size() == 0; });
  }
}

}  // namespace triton_lite
