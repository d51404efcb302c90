// Tells when what was served under a name has ended its last request.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "core/mutex.h"

namespace triton_lite {

// Thread-safe.
class Retirement {
 public:
  explicit Retirement(std::size_t models) : left_(models) {}

  void EndOne() {
    MutexLock lock(mu_);
    --left_;
    ended_.NotifyAll();
  }

  // True when all requests have ended; false when `deadline_ns` (steady clock; 0 = none) passed first.
  bool Wait(std::uint64_t deadline_ns);

 private:
  Mutex mu_;
  CondVar ended_;
  std::size_t left_ GUARDED_BY(mu_);
};

using RetirementPtr = std::shared_ptr<Retirement>;

}  // namespace triton_lite
