// Work in the background that stops for moments, so that the kernel notices who else waits for a core.
#pragma once

#include <time.h>

#include <atomic>
#include <cstdint>
#include <optional>

namespace triton_lite {

// While it lives, the thread that made it rests for 200 us after each 200 us on its core, as long as others often take
// that core from it; alone there it runs on. A core whose only work is of the idle class takes over no thread that
// waits for another core, as it does when it has nothing to do: that thread waits for the next tick, up to 4 ms.
// Whatever the thread holds it holds that much longer. A signal makes it rest, so system calls that are not restarted
// after one (poll, sleeps) may fail with EINTR meanwhile. Where there is no timer or no free signal to be had, it does
// not rest.
class Rests {
 public:
  Rests();
  // On the same thread, which ignores the signal from then on.
  ~Rests();
  Rests(const Rests&) = delete;
  Rests& operator=(const Rests&) = delete;

  // How often it has rested.
  std::uint64_t count() const { return count_; }

 private:
  friend struct RestSignal;

  void OnSignal();
  void Arm(std::uint64_t nanoseconds) const;

  std::optional<timer_t> timer_;
  std::atomic<std::uint64_t> count_{0};
  std::uint64_t ran_ = 0;      // On its core when it last rested: nanoseconds.
  bool wanted_ = true;         // The core, by others: until it is seen that it is not.
  std::int64_t switches_ = 0;  // How often others had taken the core,
  std::uint64_t looked_ = 0;   // and when that was looked at: steady-clock nanoseconds.
};

}  // namespace triton_lite
