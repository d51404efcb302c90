#include "trace/trace_queue.h"

#include <algorithm>
#include <chrono>
#include <iterator>
#include <utility>

namespace triton_lite {

void TraceQueue::Put(std::vector<TraceRecord> traces, bool /*indexed*/) {
  MutexLock lock(mu_);
  const std::size_t room = closed_ ? 0 : kMostWaiting - std::min(kMostWaiting, waiting_.size());
  const std::size_t taken = std::min(room, traces.size());
  dropped_ += traces.size() - taken;
  waiting_.insert(waiting_.end(), std::make_move_iterator(traces.begin()),
                  std::make_move_iterator(traces.begin() + static_cast<std::ptrdiff_t>(taken)));
  more_.NotifyOne();
}

void TraceQueue::Close() {
  MutexLock lock(mu_);
  closed_ = true;
  more_.NotifyAll();
}

std::vector<TraceRecord> TraceQueue::Take(std::uint64_t deadline) {
  const std::chrono::steady_clock::time_point until{std::chrono::nanoseconds(deadline)};
  MutexLock lock(mu_);
  while (waiting_.empty() && !closed_) {
    if (!more_.WaitUntil(mu_, until)) {
      break;
    }
  }
  return std::exchange(waiting_, {});
}

bool TraceQueue::closed() const {
  MutexLock lock(mu_);
  return closed_;
}

std::size_t TraceQueue::dropped() const {
  MutexLock lock(mu_);
  return dropped_;
}

}  // namespace triton_lite
