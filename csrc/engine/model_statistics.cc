#include "engine/model_statistics.h"

#include <algorithm>
#include <chrono>

namespace triton_lite {
namespace {

// A stage that was not reached took no time.
std::uint64_t Between(std::uint64_t start, std::uint64_t end) { return start == 0 || end < start ? 0 : end - start; }

// The request is the one that stands for a batch whose outputs were made.
bool StandsForExecution(const InferenceRequest& request) {
  return request.execution_batch_size > 0 && request.times.compute_end > 0;
}

std::uint64_t MillisecondsSince1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

void ModelStatistics::Record(const InferenceRequest& request, const Status& status) {
  const bool executed = StandsForExecution(request);
  const std::uint64_t milliseconds = executed ? MillisecondsSince1970() : 0;
  MutexLock lock(mu_);
  if (executed) {
    RecordExecution(request, milliseconds);
  }
  if (status.ok()) {
    RecordSuccess(request);
  } else if (request.failure_reason != FailureReason::kUncounted) {
    counts_.failure.Add(Between(request.times.request_start, request.times.request_end));
    ++counts_.failures[static_cast<std::size_t>(request.failure_reason)];
  }
}

void ModelStatistics::RecordSuccess(const InferenceRequest& request) {
  const Timestamps& times = request.times;
  counts_.success.Add(Between(times.request_start, times.request_end));
  if (request.cache_outcome == CacheOutcome::kHit) {
    counts_.queue.Add(Between(times.queue_start, times.cache_lookup_start));
    counts_.cache_hit.Add(Between(times.cache_lookup_start, times.cache_lookup_end));
    return;
  }
  counts_.inference_count += std::max(1U, request.batch_size);
  counts_.queue.Add(Between(times.queue_start, times.compute_start));
  counts_.compute_input.Add(Between(times.compute_start, times.compute_input_end));
  counts_.compute_infer.Add(Between(times.compute_input_end, times.compute_output_start));
  counts_.compute_output.Add(Between(times.compute_output_start, times.compute_end));
  if (request.cache_outcome == CacheOutcome::kMiss) {
    counts_.cache_miss.Add(Between(times.cache_lookup_start, times.cache_lookup_end) +
                           Between(times.cache_insert_start, times.cache_insert_end));
  }
}

void ModelStatistics::RecordExecution(const InferenceRequest& request, std::uint64_t milliseconds) {
  const Timestamps& times = request.times;
  counts_.last_inference_milliseconds = std::max(counts_.last_inference_milliseconds, milliseconds);
  ++counts_.execution_count;
  BatchDurations& batch = counts_.by_batch_size[request.execution_batch_size];
  batch.compute_input.Add(Between(times.compute_start, times.compute_input_end));
  batch.compute_infer.Add(Between(times.compute_input_end, times.compute_output_start));
  batch.compute_output.Add(Between(times.compute_output_start, times.compute_end));
}

StatisticsSnapshot ModelStatistics::Snapshot() const {
  MutexLock lock(mu_);
  return counts_;
}

}  // namespace triton_lite
