// What schedulers note down about a batch that a backend is given.
#pragma once

#include <cstdint>
#include <span>

#include "core/request.h"

namespace triton_lite {

// The batch goes to a backend now: the first of `batch` stands for its execution. `view`: with what fills it up.
// Returns the time.
inline std::uint64_t StampExecution(std::span<InferenceRequest* const> view, InferenceRequest& first) {
  const std::uint64_t start = NowNanoseconds();
  std::uint32_t batch_size = 0;
  for (InferenceRequest* const request : view) {
    request->times.compute_start = start;
    request->failure_reason = FailureReason::kBackend;
    request->execution_batch_size = 0;
    batch_size += request->batch_size;
  }
  first.execution_batch_size = batch_size;
  return start;
}

}  // namespace triton_lite
