// An eventfd that is rung only when somebody sleeps. Sleeper: set the flag, then look again. Waker: make the work
// visible, then look at the flag. The full fences between make one of the two see the other.
#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "memory/file_descriptor.h"

namespace triton_lite {

inline FileDescriptor MakeEvent() { return FileDescriptor(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)); }

inline void Ring(int event) {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, which means rung already.
  (void)!write(event, &one, sizeof(one));
}

inline void FullFence() {
#if defined(__SANITIZE_THREAD__)
  // The sanitizer knows no fences; a read-modify-write of one word orders the same.
  static std::atomic<int> word{0};
  word.fetch_add(1, std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

// After work was made visible.
inline void WakeIfAsleep(std::atomic<std::uint32_t>& sleeps, int event) {
  FullFence();
  if (sleeps.load(std::memory_order_relaxed) != 0 && sleeps.exchange(0, std::memory_order_acq_rel) != 0) {
    Ring(event);
  }
}

}  // namespace triton_lite
