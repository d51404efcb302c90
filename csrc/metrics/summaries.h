// Summaries of one model: counts, sums and quantiles of its requests' durations.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/mutex.h"
#include "metrics/request_figures.h"
#include "metrics/sliding_quantiles.h"

namespace triton_lite {

enum class SummaryKind : std::uint8_t {
  kRequest,
  kQueue,
  kComputeInput,
  kComputeInfer,
  kComputeOutput,
  kCacheHit,
  kCacheMiss,
};
inline constexpr std::size_t kSummaryKinds = 7;

// Thread-safe. Durations in whole microseconds. Counts and sums are of all time, quantiles of the last minute.
class Summaries {
 public:
  struct Figures {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    std::vector<double> quantiles;  // In the order of the targets; not a number where nothing was observed.
  };

  explicit Summaries(std::vector<QuantileTarget> targets);

  const std::vector<QuantileTarget>& targets() const { return targets_; }
  // Of a request that succeeded.
  void Observe(const RequestFigures& figures) EXCLUDES(mu_);
  Figures Get(SummaryKind kind) EXCLUDES(mu_);

 private:
  struct Summary {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    SlidingQuantiles quantiles;
  };

  void ObserveOne(SummaryKind kind, std::uint64_t nanoseconds, std::uint64_t now) REQUIRES(mu_);

  const std::vector<QuantileTarget> targets_;
  Mutex mu_;
  std::vector<Summary> summaries_ GUARDED_BY(mu_);  // By SummaryKind.
};

}  // namespace triton_lite
