// The narrow way to a cache in another process: a bounded queue of lookups and answers to keep, taken by threads that
// may wait for it. No thread that runs models ever does.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "core/request.h"
#include "schedule/scheduler.h"

namespace triton_lite {

class RemoteCache;

// Where requests go that the cache cannot answer; counts those that are being looked up. Outlives them.
class MissedRequests {
 public:
  virtual ~MissedRequests() = default;
  // `key`: under which the answer is to be kept; empty: not at all.
  virtual void Missed(RequestPtr request, std::string key) = 0;
  virtual void LookedUp() = 0;
};

// Either a request to look up, or an answer to keep. One that is dropped is a miss.
class RemoteCacheTask {
 public:
  RemoteCacheTask(RequestPtr request, MissedRequests* missed);
  RemoteCacheTask(std::string key, std::string value) : key_(std::move(key)), value_(std::move(value)) {}
  ~RemoteCacheTask();
  RemoteCacheTask(const RemoteCacheTask&) = delete;
  RemoteCacheTask& operator=(const RemoteCacheTask&) = delete;

  bool is_lookup() const { return missed_ != nullptr; }
  // A lookup's content, to be hashed as one; valid until Found or Missed.
  std::vector<Bytes> content() const;
  const std::string& key() const { return key_; }
  const std::string& value() const { return value_; }
  std::size_t byte_size() const { return value_.size(); }

  // Answers the request with `value`; a miss if that is none.
  void Found(Bytes value, std::string key);
  void Missed(std::string key);

 private:
  RequestPtr request_;
  MissedRequests* missed_ = nullptr;
  std::string head_;
  std::string key_;
  std::string value_;
};

using RemoteCacheTaskPtr = std::unique_ptr<RemoteCacheTask>;

// Thread-safe.
class RemoteCache {
 public:
  // Gives `task` back when there is no room, or the cache is suspended or stopped.
  RemoteCacheTaskPtr Push(RemoteCacheTaskPtr task) EXCLUDES(mu_);

  // The oldest task; null when `deadline_ns` (steady clock; 0: none) passed or the cache stopped.
  RemoteCacheTaskPtr Next(std::uint64_t deadline_ns) EXCLUDES(mu_);

  // The cache does not answer: what waits is missed, and so is everything for so long.
  void Suspend(std::uint64_t nanoseconds) EXCLUDES(mu_);

  void Stop() EXCLUDES(mu_);
  bool stopped() const EXCLUDES(mu_);

 private:
  static constexpr std::size_t kMostTasks = 1024;
  static constexpr std::size_t kMostBytes = 64 << 20;  // Of answers to keep.

  mutable Mutex mu_;
  CondVar changed_;
  std::deque<RemoteCacheTaskPtr> waiting_ GUARDED_BY(mu_);
  std::size_t byte_size_ GUARDED_BY(mu_) = 0;
  std::uint64_t suspended_until_ GUARDED_BY(mu_) = 0;
  bool stopped_ GUARDED_BY(mu_) = false;
};

// A model's scheduler behind a cache in another process.
std::unique_ptr<Scheduler> MakeRemoteCachingScheduler(std::shared_ptr<RemoteCache> cache,
                                                      std::unique_ptr<Scheduler> model);

}  // namespace triton_lite
