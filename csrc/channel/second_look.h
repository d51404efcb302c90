// Looking again before going to sleep: a wake-up costs 30-70 us, so it pays to wait a little where answers are quick.
#pragma once

#include <sched.h>

#include <algorithm>
#include <cstdint>

#include "core/request.h"

namespace triton_lite {

// The core that the calling thread runs on.
inline int CurrentCore() { return sched_getcpu(); }

// Whether looking pays: it rests for longer and longer while it does not.
class Patience {
 public:
  bool rests(std::uint64_t now) const { return now < rests_until_; }

  void OnFound() {
    misses_ = 0;
    if (rest_ > kShortestRestNanoseconds && ++finds_ >= kFindsToTrust) {
      finds_ = 0;
      rest_ /= 2;
    }
  }

  // So many in a row begin a rest; after a rest one decides.
  void OnMissed(std::uint64_t now, unsigned misses_to_rest) {
    if (++misses_ < misses_to_rest) {
      return;
    }
    misses_ = misses_to_rest - 1;
    finds_ = 0;
    rests_until_ = now + rest_;
    rest_ = std::min(2 * rest_, kLongestRestNanoseconds);
  }

 private:
  static constexpr std::uint64_t kShortestRestNanoseconds = 200'000;
  static constexpr std::uint64_t kLongestRestNanoseconds = 20'000'000;
  static constexpr unsigned kFindsToTrust = 8;

  unsigned misses_ = 0;
  unsigned finds_ = 0;
  std::uint64_t rest_ = kShortestRestNanoseconds;
  std::uint64_t rests_until_ = 0;
};

// Adaptive. One thread at a time.
class SecondLook {
 public:
  SecondLook() : useful_(CoreCount() > 1) {}

  // Calls `found` for up to 20 us; true as soon as `found` is. `shares_core`: the other side was last seen on this
  // core, so it can only go on if the core is given away between calls. That is not done otherwise: to the scheduler
  // a yield forfeits a whole slice to anybody else who wants the core. Each kind of look rests by itself while it
  // does not pay, and there is none at all on one core.
  template <typename Found>
  bool Look(Found found, bool shares_core) {
    const std::uint64_t start = NowNanoseconds();
    if (!useful_ || (shares_core ? yielding_ : spinning_).rests(start)) {
      return false;
    }
    return shares_core ? LookYielding(found, start) : LookSpinning(found, start);
  }

 private:
  static constexpr std::uint64_t kLookNanoseconds = 20'000;
  static constexpr unsigned kMissesToRest = 4;
  // A yield that took longer went to somebody else than the other side, who has the core for whole slices.
  static constexpr std::uint64_t kLongMissNanoseconds = 100'000;
  // The other side may have served many calls meanwhile.
  static constexpr std::uint64_t kLongHitNanoseconds = 500'000;

  static int CoreCount() {
    cpu_set_t cores;
    CPU_ZERO(&cores);
    return sched_getaffinity(0, sizeof(cores), &cores) == 0 ? CPU_COUNT(&cores) : 1;
  }

  static void Relax() {
    for (int i = 0; i < 8; ++i) {
#if defined(__x86_64__)
      __builtin_ia32_pause();
#elif defined(__aarch64__)
      asm volatile("yield");
#endif
    }
  }

  template <typename Found>
  bool LookSpinning(Found found, std::uint64_t start) {
    while (true) {
      if (found()) {
        spinning_.OnFound();
        return true;
      }
      Relax();
      const std::uint64_t now = NowNanoseconds();
      if (now - start > kLookNanoseconds) {
        spinning_.OnMissed(now, kMissesToRest);
        return found();
      }
    }
  }

  template <typename Found>
  bool LookYielding(Found found, std::uint64_t start) {
    std::uint64_t before = start;
    while (true) {
      sched_yield();
      const bool hit = found();
      const std::uint64_t now = NowNanoseconds();
      if (now - before > (hit ? kLongHitNanoseconds : kLongMissNanoseconds)) {
        yielding_.OnMissed(now, 1);
        return hit;
      }
      if (hit) {
        yielding_.OnFound();
        return true;
      }
      if (now - start > kLookNanoseconds) {
        yielding_.OnMissed(now, kMissesToRest);
        return false;
      }
      before = now;
    }
  }

  const bool useful_;
  Patience spinning_;
  Patience yielding_;
};

}  // namespace triton_lite
