// How far a call that is answered many times may run ahead of whoever takes its answers.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <numeric>
#include <utility>
#include <vector>

#include "core/mutex.h"

namespace triton_lite {

// Answers of one call that may be on their way, unless its client wants fewer, and their bytes.
inline constexpr std::uint32_t kStreamWindow = 64;
inline constexpr std::size_t kStreamWindowByteSize = 16 << 20;

// Thread-safe. `taken` is always the number of answers that the client has acknowledged in all; what is given may be
// wrong (another process says it), and is believed only as far as answers were sent.
class StreamCredit {
 public:
  explicit StreamCredit(std::uint32_t window) : window_(std::clamp<std::uint64_t>(window, 1, kStreamWindow)) {}

  void Sent(std::size_t byte_size) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    in_flight_.push_back(byte_size);
    byte_size_ += byte_size;
  }

  // Whether another answer may be sent. One always may when none is on its way.
  bool Has(std::uint64_t taken) EXCLUDES(mu_) {
    MutexLock lock(mu_);
    Count(taken);
    return HasRoom(window_, kStreamWindowByteSize);
  }

  // `hook` runs once: at once if there is credit, else on the thread of the Offer or Close that brings it.
  void Await(std::function<void()> hook, std::uint64_t taken) EXCLUDES(mu_) {
    {
      MutexLock lock(mu_);
      Count(taken);
      if (!HasRoom(window_, kStreamWindowByteSize)) {
        hooks_.push_back(std::move(hook));
        return;
      }
    }
    hook();
  }

  // The client may have taken answers. Hooks run when half of the window is free, so that it is worth waking for.
  // Returns whether some still wait.
  bool Offer(std::uint64_t taken) EXCLUDES(mu_) {
    Hooks hooks;
    {
      MutexLock lock(mu_);
      Count(taken);
      if (!HasRoom(window_ / 2 + 1, kStreamWindowByteSize / 2)) {
        return !hooks_.empty();
      }
      hooks.swap(hooks_);
    }
    Run(hooks);
    return false;
  }

  // The call was given up, or has ended: there is always credit from now on.
  void Close() EXCLUDES(mu_) {
    Hooks hooks;
    {
      MutexLock lock(mu_);
      closed_ = true;
      hooks.swap(hooks_);
    }
    Run(hooks);
  }

 private:
  using Hooks = std::vector<std::function<void()>>;

  static void Run(const Hooks& hooks) {
    for (const auto& hook : hooks) {
      hook();
    }
  }

  void Count(std::uint64_t taken) REQUIRES(mu_) {
    const std::uint64_t more = std::min<std::uint64_t>(taken - std::min(taken, taken_), in_flight_.size());
    const auto end = in_flight_.begin() + static_cast<std::ptrdiff_t>(more);
    byte_size_ -= std::accumulate(in_flight_.begin(), end, std::size_t{0});
    in_flight_.erase(in_flight_.begin(), end);
    taken_ += more;
  }

  bool HasRoom(std::uint64_t window, std::size_t byte_size) const REQUIRES(mu_) {
    return closed_ || in_flight_.empty() || (in_flight_.size() < window && byte_size_ < byte_size);
  }

  const std::uint64_t window_;
  Mutex mu_;
  std::vector<std::size_t> in_flight_ GUARDED_BY(mu_);  // Bytes of each answer on its way.
  std::size_t byte_size_ GUARDED_BY(mu_) = 0;
  std::uint64_t taken_ GUARDED_BY(mu_) = 0;
  bool closed_ GUARDED_BY(mu_) = false;
  Hooks hooks_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
