#include "trace/pending_sends.h"

#include <vector>

#include "core/request.h"

namespace triton_lite {

void PendingSends::Expect(Key key, std::shared_ptr<Trace> trace) {
  std::vector<std::shared_ptr<Trace>> given_up;  // End without the lock.
  MutexLock lock(mu_);
  const std::uint64_t now = NowNanoseconds();  // Not before anything that is in order_.
  while (!order_.empty() && (waiting_.size() >= kMost || now - order_.front().since > kPatience ||
                             !waiting_.contains(order_.front().key))) {
    const auto found = waiting_.find(order_.front().key);
    if (found != waiting_.end()) {
      given_up.push_back(std::move(found->second));
      waiting_.erase(found);
    }
    order_.pop_front();
  }
  waiting_[key] = std::move(trace);
  order_.push_back({now, key});
}

std::shared_ptr<Trace> PendingSends::Take(Key key) {
  MutexLock lock(mu_);
  const auto found = waiting_.find(key);
  if (found == waiting_.end()) {
    return nullptr;
  }
  std::shared_ptr<Trace> trace = std::move(found->second);
  waiting_.erase(found);
  return trace;
}

void PendingSends::Clear() {
  std::map<Key, std::shared_ptr<Trace>> given_up;
  MutexLock lock(mu_);
  given_up.swap(waiting_);
  order_.clear();
}

}  // namespace triton_lite
