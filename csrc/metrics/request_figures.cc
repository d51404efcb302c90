#include "metrics/request_figures.h"

#include <algorithm>
#include <variant>

namespace triton_lite {
namespace {

// A stage that was not reached took no time.
std::uint64_t Between(std::uint64_t start, std::uint64_t end) { return start == 0 || end < start ? 0 : end - start; }

// Where the time in the queue ended.
std::uint64_t QueueEnd(const InferenceRequest& request) {
  const Timestamps& times = request.times;
  if (request.cache_outcome == CacheOutcome::kHit) {
    return times.cache_lookup_start;
  }
  return times.compute_start != 0 ? times.compute_start : times.request_end;
}

// Any response is one, also an error; what was not taken in got none of the model's.
void MeasureFirstResponse(const InferenceRequest& request, bool decoupled, RequestFigures* figures) {
  const Timestamps& times = request.times;
  std::uint64_t first = times.request_end;
  if (times.first_response != 0 || (decoupled && figures->succeeded)) {
    first = times.first_response;
  } else if (!figures->succeeded && request.failure_reason == FailureReason::kUncounted) {
    first = 0;
  }
  figures->responded = first != 0;
  figures->first_response = Between(times.request_start, first);
}

}  // namespace

RequestFigures MeasureRequest(const InferenceRequest& request, const Status& status, const ModelSpec& spec) {
  const Timestamps& times = request.times;
  RequestFigures figures;
  figures.succeeded = status.ok() || request.failure_reason == FailureReason::kAnswered;
  figures.failure_reason = request.failure_reason;
  figures.failure_count = std::holds_alternative<EnsembleSpec>(spec.scheduler) ? 2 : 1;
  figures.cache_outcome = request.cache_outcome;
  figures.batch_size = std::max(1U, request.batch_size);
  // It stands for a batch whose outputs were made.
  figures.execution_batch_size = times.compute_end > 0 ? request.execution_batch_size : 0;
  figures.request = Between(times.request_start, times.request_end);
  figures.queue = Between(times.queue_start, QueueEnd(request));
  figures.compute_input = Between(times.compute_start, times.compute_input_end);
  figures.compute_infer = Between(times.compute_input_end, times.compute_output_start);
  figures.compute_output = Between(times.compute_output_start, times.compute_end);
  figures.compute = Between(times.compute_start, times.compute_end != 0 ? times.compute_end : times.request_end);
  figures.cache = Between(times.cache_lookup_start, times.cache_lookup_end) +
                  Between(times.cache_insert_start, times.cache_insert_end);
  MeasureFirstResponse(request, spec.decoupled, &figures);
  return figures;
}

}  // namespace triton_lite
