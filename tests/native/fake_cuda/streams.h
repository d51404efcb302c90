// Streams: queues of copies that run when they are synchronised, or on a thread of each.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <thread>

#include "fake_cuda/functions.h"
#include "fake_cuda/memory.h"

namespace fake_cuda {

class Stream {
 public:
  explicit Stream(bool threaded);
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  ~Stream();

  void Queue(const Copy& copy);
  // Returns when nothing is queued; the first failure since the last time.
  int Synchronize();
  // Loses what is queued.
  void Drop();

 private:
  void Run();
  // Runs what is queued, with mutex_ held on both ends.
  void Drain(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Copy> copies_;
  bool running_ = false;
  bool ended_ = false;
  int failure_ = 0;
  std::thread thread_;  // None where copies run when synchronised.
};

class Streams {
 public:
  RawStream* Create();
  int Destroy(RawStream* handle);
  // Null for none.
  std::shared_ptr<Stream> Find(RawStream* handle);

 private:
  std::mutex mutex_;
  std::uintptr_t last_ = 0;
  std::map<RawStream*, std::shared_ptr<Stream>> streams_;
};

Streams& TheStreams();

}  // namespace fake_cuda
