#include "fake_cuda/streams.h"

#include <cstdlib>
#include <string_view>
#include <utility>

#include "fake_cuda/control.h"
#include "fake_cuda/result.h"

namespace fake_cuda {
namespace {

bool Threaded() {
  const char* mode = std::getenv("FAKE_CUDA_ASYNC");
  return mode != nullptr && std::string_view(mode) == "thread";
}

}  // namespace

Stream::Stream(bool threaded) {
  if (threaded) {
    thread_ = std::thread([this] { Run(); });
  }
}

Stream::~Stream() {
  {
    const std::lock_guard lock(mutex_);
    ended_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Stream::Queue(const Copy& copy) {
  {
    const std::lock_guard lock(mutex_);
    copies_.push_back(copy);
    TheControl().Count(Kind::kCopies, 1);
  }
  changed_.notify_all();
}

int Stream::Synchronize() {
  std::unique_lock lock(mutex_);
  if (thread_.joinable()) {
    changed_.wait(lock, [this] { return copies_.empty() && !running_; });
  } else {
    changed_.wait(lock, [this] { return !running_; });  // Another thread synchronises it, too.
    Drain(lock);
  }
  return std::exchange(failure_, kSuccess);
}

void Stream::Drop() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return !running_; });
  TheControl().Count(Kind::kCopies, -static_cast<std::int64_t>(copies_.size()));
  copies_.clear();
  failure_ = kSuccess;
}

void Stream::Run() {
  std::unique_lock lock(mutex_);
  while (!ended_) {
    changed_.wait(lock, [this] { return ended_ || !copies_.empty(); });
    Drain(lock);
  }
}

void Stream::Drain(std::unique_lock<std::mutex>& lock) {
  while (!copies_.empty()) {
    const Copy copy = copies_.front();
    copies_.pop_front();
    running_ = true;
    lock.unlock();
    const int result = TheMemory().Run(copy);
    TheControl().Count(Kind::kCopies, -1);
    lock.lock();
    running_ = false;
    if (failure_ == kSuccess) {
      failure_ = result;
    }
  }
  changed_.notify_all();
}

RawStream* Streams::Create() {
  const std::lock_guard lock(mutex_);
  constexpr std::uintptr_t kStep = 4096;  // Looks like an address, and is none.
  last_ += kStep;
  auto* const handle = reinterpret_cast<RawStream*>(last_);
  streams_[handle] = std::make_shared<Stream>(Threaded());
  TheControl().Count(Kind::kStreams, 1);
  return handle;
}

int Streams::Destroy(RawStream* handle) {
  std::shared_ptr<Stream> ended;  // Its thread is waited for without the lock.
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(handle);
  if (found == streams_.end()) {
    return kInvalidHandle;
  }
  ended = std::move(found->second);
  streams_.erase(found);
  TheControl().Count(Kind::kStreams, -1);
  return kSuccess;
}

std::shared_ptr<Stream> Streams::Find(RawStream* handle) {
  const std::lock_guard lock(mutex_);
  const auto found = streams_.find(handle);
  return found != streams_.end() ? found->second : nullptr;
}

Streams& TheStreams() {
  // Never destroyed: threads may be in the driver until the process is gone.
  static Streams& streams = *new Streams;
  return streams;
}

}  // namespace fake_cuda
