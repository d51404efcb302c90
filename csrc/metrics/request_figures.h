// What one request that is over adds to statistics, metrics and the access log.
#pragma once

#include <cstdint>

#include "core/model_spec.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// Durations in nanoseconds; 0 for stages that were not reached.
struct RequestFigures {
  bool succeeded = false;  // Or was answered with an error of which statistics make no difference.
  FailureReason failure_reason = FailureReason::kOther;  // If it did not. Statistics do not know of kUncounted ones.
  // How often a failure is counted: Triton counts that of an ensemble when it answers and when it ends.
  std::uint32_t failure_count = 1;
  CacheOutcome cache_outcome = CacheOutcome::kNone;
  std::uint32_t batch_size = 1;
  // The request stands for the execution of a batch of so many elements; 0: it does not.
  std::uint32_t execution_batch_size = 0;
  std::uint64_t request = 0;
  std::uint64_t queue = 0;  // Until it ran, was answered by the cache, or ended in the queue.
  std::uint64_t compute_input = 0;
  std::uint64_t compute_infer = 0;
  std::uint64_t compute_output = 0;
  std::uint64_t compute = 0;         // The three together; until its end if the backend failed.
  std::uint64_t cache = 0;           // Lookup of a hit; lookup and insertion of a miss.
  bool responded = false;            // There was a response, be it an error.
  std::uint64_t first_response = 0;  // Until then.
};

// `status` says how the request to a model with this specification ended; its timestamps are complete.
RequestFigures MeasureRequest(const InferenceRequest& request, const Status& status, const ModelSpec& spec);

}  // namespace triton_lite
