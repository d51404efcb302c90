// Looking again before going to sleep: a wake-up costs 30-70 us, so it pays to wait a little where answers are quick.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>

#include "core/request.h"

namespace triton_lite {

// Adaptive. One thread at a time.
class SecondLook {
 public:
  SecondLook() : useful_(CoreCount() > 1) {}

  // Calls `found` for up to 20 us, giving the core away between calls; true as soon as `found` is. False at once for a
  // while after looking did not pay, and always on one core.
  template <typename Found>
  bool Look(Found found) {
    if (!useful_ || NowNanoseconds() < paused_until_) {
      return false;
    }
    const std::uint64_t start = NowNanoseconds();
    std::uint64_t before = start;
    while (true) {
      if (found()) {
        OnFound();
        return true;
      }
      sched_yield();
      const std::uint64_t now = NowNanoseconds();
      if (now - before > kLongYieldNanoseconds) {
        // Somebody else needs the core, and keeps it for whole slices of the scheduler's.
        const bool hit = found();
        Pause(now);
        return hit;
      }
      if (now - start > kLookNanoseconds) {
        OnMissed(now);
        return found();
      }
      before = now;
    }
  }

 private:
  static constexpr std::uint64_t kLookNanoseconds = 20'000;
  static constexpr std::uint64_t kLongYieldNanoseconds = 100'000;
  static constexpr std::uint64_t kShortestPauseNanoseconds = 200'000;
  static constexpr std::uint64_t kLongestPauseNanoseconds = 20'000'000;
  static constexpr unsigned kMissesToPause = 4;

  static int CoreCount() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
  }

  void OnFound() {
    misses_ = 0;
    if (pause_ > kShortestPauseNanoseconds && ++finds_ >= kFindsToTrust) {
      finds_ = 0;
      pause_ /= 2;
    }
  }

  void OnMissed(std::uint64_t now) {
    if (++misses_ >= kMissesToPause) {
      Pause(now);
      // After the pause one look decides.
      misses_ = kMissesToPause - 1;
    }
  }

  void Pause(std::uint64_t now) {
    finds_ = 0;
    paused_until_ = now + pause_;
    pause_ = std::min(2 * pause_, kLongestPauseNanoseconds);
  }

  static constexpr unsigned kFindsToTrust = 8;

  const bool useful_;
  unsigned misses_ = 0;
  unsigned finds_ = 0;
  std::uint64_t pause_ = kShortestPauseNanoseconds;
  std::uint64_t paused_until_ = 0;
};

}  // namespace triton_lite
