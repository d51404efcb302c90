// max_inflight_requests of an ensemble: how many requests may be in each of its steps at once, all clients together.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace triton_lite {

// Thread-safe. Nobody is blocked: what does not fit waits here, in order of arrival.
class StepLimiter {
 public:
  using Start = std::function<void()>;

  // `limit`: at least 1.
  StepLimiter(std::size_t steps, std::uint32_t limit) : limit_(limit), places_(steps) {}

  // True: there is room, and it is taken. False: a Leave will give `start` back.
  bool Enter(std::size_t step, Start start) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    Place& place = places_[step];
    if (place.inside < limit_) {
      ++place.inside;
      return true;
    }
    place.waiting.push_back(std::move(start));
    return false;
  }

  // Gives the room to the next that waits, which the caller starts; null when nobody does.
  Start Leave(std::size_t step) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    Place& place = places_[step];
    if (place.waiting.empty()) {
      --place.inside;
      return nullptr;
    }
    Start next = std::move(place.waiting.front());
    place.waiting.pop_front();
    return next;
  }

 private:
  struct Place {
    std::uint32_t inside = 0;
    std::deque<Start> waiting;
  };

  const std::uint32_t limit_;
  Mutex mu_;
  std::vector<Place> places_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
