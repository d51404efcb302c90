// A thread's place to sleep until another one calls it. Unlike a condition variable it comes back when a signal
// handler ran.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "core/request.h"

namespace triton_lite {

class Parking {
 public:
  enum class Woken { kCalled, kDeadline, kInterrupted };

  // `deadline_ns`: steady clock, 0 = none. Takes the call that woke it.
  Woken Sleep(std::uint64_t deadline_ns) {
    while (called_.exchange(0, std::memory_order_acquire) == 0) {
      timespec left{};
      // Always some timeout: without one the kernel restarts the wait after a signal handler with SA_RESTART.
      std::uint64_t nanoseconds = kLongNanoseconds;
      if (deadline_ns != 0) {
        const std::uint64_t now = NowNanoseconds();
        if (now >= deadline_ns) {
          return Woken::kDeadline;
        }
        nanoseconds = deadline_ns - now;
      }
      left.tv_sec = static_cast<std::time_t>(nanoseconds / 1'000'000'000u);
      left.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000u);
      if (Futex(FUTEX_WAIT_PRIVATE, 0, &left) != 0 && errno == EINTR) {
        return Woken::kInterrupted;
      }
    }
    return Woken::kCalled;
  }

  void Call() {
    called_.store(1, std::memory_order_release);
    Futex(FUTEX_WAKE_PRIVATE, 1, nullptr);
  }

 private:
  static constexpr std::uint64_t kLongNanoseconds = 3600'000'000'000u;

  long Futex(int operation, std::uint32_t value, const timespec* timeout) {
    return syscall(SYS_futex, reinterpret_cast<std::uint32_t*>(&called_), operation, value, timeout, nullptr, 0);
  }

  std::atomic<std::uint32_t> called_{0};
};

}  // namespace triton_lite
