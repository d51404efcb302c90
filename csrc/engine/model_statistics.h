// What is counted of one version of a model, from its load on (protocol: statistics extension).
#pragma once

#include <array>
#include <cstdint>
#include <map>

#include "core/mutex.h"
#include "metrics/request_figures.h"

namespace triton_lite {

// How often something happened and how long that took in sum.
struct DurationSum {
  std::uint64_t count = 0;
  std::uint64_t nanoseconds = 0;

  void Add(std::uint64_t duration) {
    ++count;
    nanoseconds += duration;
  }
};

// Executions of batches of one size.
struct BatchDurations {
  DurationSum compute_input;
  DurationSum compute_infer;
  DurationSum compute_output;
};

struct StatisticsSnapshot {
  std::uint64_t last_inference_milliseconds = 0;  // Since 1970; 0: none yet.
  std::uint64_t inference_count = 0;              // Elements that the model ran; without answers of the cache.
  std::uint64_t execution_count = 0;
  DurationSum success;
  DurationSum failure;
  DurationSum queue;
  DurationSum compute_input;
  DurationSum compute_infer;
  DurationSum compute_output;
  DurationSum cache_hit;
  DurationSum cache_miss;
  std::array<std::uint64_t, 4> failures = {};  // By FailureReason; kUncounted is none.
  std::map<std::uint64_t, BatchDurations> by_batch_size;
};

// Thread-safe.
class ModelStatistics {
 public:
  // Of a request that is over.
  void Record(const RequestFigures& figures) EXCLUDES(mu_);
  StatisticsSnapshot Snapshot() const EXCLUDES(mu_);

 private:
  void RecordSuccess(const RequestFigures& figures) REQUIRES(mu_);
  void RecordExecution(const RequestFigures& figures, std::uint64_t milliseconds) REQUIRES(mu_);

  mutable Mutex mu_;
  StatisticsSnapshot counts_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
