#include "engine/model_statistics.h"

#include <algorithm>
#include <chrono>

namespace triton_lite {
namespace {

std::uint64_t MillisecondsSince1970() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

}  // namespace

void ModelStatistics::Record(const RequestFigures& figures) {
  const bool executed = figures.execution_batch_size > 0;
  const std::uint64_t milliseconds = executed ? MillisecondsSince1970() : 0;
  MutexLock lock(mu_);
  if (executed) {
    RecordExecution(figures, milliseconds);
  }
  if (figures.succeeded) {
    RecordSuccess(figures);
  } else if (figures.failure_reason != FailureReason::kUncounted) {
    for (std::uint32_t i = 0; i < figures.failure_count; ++i) {
      counts_.failure.Add(figures.request);
    }
    counts_.failures[static_cast<std::size_t>(figures.failure_reason)] += figures.failure_count;
  }
}

void ModelStatistics::RecordSuccess(const RequestFigures& figures) {
  counts_.success.Add(figures.request);
  counts_.queue.Add(figures.queue);
  if (figures.cache_outcome == CacheOutcome::kHit) {
    counts_.cache_hit.Add(figures.cache);
    return;
  }
  counts_.inference_count += figures.batch_size;
  counts_.compute_input.Add(figures.compute_input);
  counts_.compute_infer.Add(figures.compute_infer);
  counts_.compute_output.Add(figures.compute_output);
  if (figures.cache_outcome == CacheOutcome::kMiss) {
    counts_.cache_miss.Add(figures.cache);
  }
}

void ModelStatistics::RecordExecution(const RequestFigures& figures, std::uint64_t milliseconds) {
  counts_.last_inference_milliseconds = std::max(counts_.last_inference_milliseconds, milliseconds);
  ++counts_.execution_count;
  BatchDurations& batch = counts_.by_batch_size[figures.execution_batch_size];
  batch.compute_input.Add(figures.compute_input);
  batch.compute_infer.Add(figures.compute_infer);
  batch.compute_output.Add(figures.compute_output);
}

StatisticsSnapshot ModelStatistics::Snapshot() const {
  MutexLock lock(mu_);
  return counts_;
}

}  // namespace triton_lite
