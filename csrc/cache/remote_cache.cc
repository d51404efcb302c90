#include "cache/remote_cache.h"

#include <chrono>
#include <cstring>
#include <utility>

#include "cache/answer_blob.h"
#include "cache/request_content.h"

namespace triton_lite {

RemoteCacheTask::RemoteCacheTask(RequestPtr request, MissedRequests* missed)
    : request_(std::move(request)), missed_(missed), head_(ContentHead(*request_)) {}

RemoteCacheTask::~RemoteCacheTask() {
  if (request_ != nullptr) {
    Missed({});
  }
}

std::vector<Bytes> RemoteCacheTask::content() const {
  std::vector<Bytes> parts{AsBytes(head_)};
  if (request_ != nullptr) {
    for (const InputTensor& input : request_->inputs) {
      parts.push_back(input.data.bytes());
    }
  }
  return parts;
}

void RemoteCacheTask::Found(Bytes value, std::string key) {
  if (request_ == nullptr) {
    return;
  }
  Result<Buffer> blob = AllocateHeap(value.size());
  if (!blob.ok()) {
    Missed(std::move(key));
    return;
  }
  std::memcpy(blob->data, value.data(), value.size());
  Result<InferenceResponse> response = ReadAnswer(*blob);
  if (!response.ok()) {
    Missed(std::move(key));
    return;
  }
  const std::shared_ptr<const void> model = request_->model;  // Of which missed_ is a part.
  request_->times.cache_lookup_end = NowNanoseconds();
  request_->cache_outcome = CacheOutcome::kHit;
  request_->responder->Send(*std::move(response), /*last=*/true);
  request_.reset();
  missed_->LookedUp();
}

void RemoteCacheTask::Missed(std::string key) {
  if (request_ == nullptr) {
    return;
  }
  const std::shared_ptr<const void> model = request_->model;
  request_->times.cache_lookup_end = NowNanoseconds();
  missed_->Missed(std::move(request_), std::move(key));
  missed_->LookedUp();
}

RemoteCacheTaskPtr RemoteCache::Push(RemoteCacheTaskPtr task) {
  {
    MutexLock lock(mu_);
    if (stopped_ || waiting_.size() >= kMostTasks || byte_size_ + task->byte_size() > kMostBytes ||
        (suspended_until_ != 0 && NowNanoseconds() < suspended_until_)) {
      return task;
    }
    byte_size_ += task->byte_size();
    waiting_.push_back(std::move(task));
  }
  changed_.NotifyOne();
  return nullptr;
}

RemoteCacheTaskPtr RemoteCache::Next(std::uint64_t deadline_ns) {
  const std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(deadline_ns)};
  MutexLock lock(mu_);
  while (waiting_.empty() && !stopped_) {
    if (deadline_ns == 0) {
      changed_.Wait(mu_);
    } else if (!changed_.WaitUntil(mu_, deadline) && waiting_.empty()) {
      return nullptr;
    }
  }
  if (waiting_.empty()) {
    return nullptr;
  }
  RemoteCacheTaskPtr next = std::move(waiting_.front());
  waiting_.pop_front();
  byte_size_ -= next->byte_size();
  return next;
}

void RemoteCache::Suspend(std::uint64_t nanoseconds) {
  std::deque<RemoteCacheTaskPtr> missed;  // Without the lock: each runs its model.
  MutexLock lock(mu_);
  suspended_until_ = NowNanoseconds() + nanoseconds;
  missed.swap(waiting_);
  byte_size_ = 0;
}

void RemoteCache::Stop() {
  std::deque<RemoteCacheTaskPtr> missed;
  {
    MutexLock lock(mu_);
    stopped_ = true;
    missed.swap(waiting_);
    byte_size_ = 0;
  }
  changed_.NotifyAll();
}

bool RemoteCache::stopped() const {
  MutexLock lock(mu_);
  return stopped_;
}

}  // namespace triton_lite
