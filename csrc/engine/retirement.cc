#include "engine/retirement.h"

#include <chrono>

namespace triton_lite {

bool Retirement::Wait(std::uint64_t deadline_ns) {
  const std::chrono::steady_clock::time_point deadline{std::chrono::nanoseconds(deadline_ns)};
  MutexLock lock(mu_);
  while (left_ > 0) {
    if (deadline_ns == 0) {
      ended_.Wait(mu_);
    } else if (!ended_.WaitUntil(mu_, deadline)) {
      return left_ == 0;
    }
  }
  return true;
}

}  // namespace triton_lite
