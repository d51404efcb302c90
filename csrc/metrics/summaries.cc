#include "metrics/summaries.h"

#include <utility>

namespace triton_lite {

Summaries::Summaries(std::vector<QuantileTarget> targets)
    : targets_(std::move(targets)),
      summaries_(kSummaryKinds, Summary{0, 0, SlidingQuantiles(targets_, NowNanoseconds())}) {}

void Summaries::ObserveOne(SummaryKind kind, std::uint64_t nanoseconds, std::uint64_t now) {
  Summary& summary = summaries_[static_cast<std::size_t>(kind)];
  const std::uint64_t microseconds = nanoseconds / 1000;
  ++summary.count;
  summary.sum += microseconds;
  summary.quantiles.Observe(static_cast<double>(microseconds), now);
}

void Summaries::Observe(const RequestFigures& figures) {
  const std::uint64_t now = NowNanoseconds();
  MutexLock lock(mu_);
  ObserveOne(SummaryKind::kQueue, figures.queue, now);
  if (figures.cache_outcome == CacheOutcome::kHit) {
    ObserveOne(SummaryKind::kCacheHit, figures.cache, now);
    return;
  }
  ObserveOne(SummaryKind::kRequest, figures.request, now);
  ObserveOne(SummaryKind::kComputeInput, figures.compute_input, now);
  ObserveOne(SummaryKind::kComputeInfer, figures.compute_infer, now);
  ObserveOne(SummaryKind::kComputeOutput, figures.compute_output, now);
  if (figures.cache_outcome == CacheOutcome::kMiss) {
    ObserveOne(SummaryKind::kCacheMiss, figures.cache, now);
  }
}

Summaries::Figures Summaries::Get(SummaryKind kind) {
  const std::uint64_t now = NowNanoseconds();
  MutexLock lock(mu_);
  Summary& summary = summaries_[static_cast<std::size_t>(kind)];
  Figures figures{summary.count, summary.sum, {}};
  for (const QuantileTarget& target : targets_) {
    figures.quantiles.push_back(summary.quantiles.Get(target.quantile, now));
  }
  return figures;
}

}  // namespace triton_lite
