// The metrics of all models, and the text that Prometheus gets of them.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "metrics/cache_figures.h"
#include "metrics/metrics_options.h"
#include "metrics/model_metrics.h"

namespace triton_lite {

// Families of one type each, in Triton's order; the parts between which the machine's own metrics stand.
struct MetricsText {
  std::string counters;
  std::string gauges;
  std::string cache;  // Gauges too.
  std::string distributions;
};

// Thread-safe.
class MetricsRegistry {
 public:
  explicit MetricsRegistry(MetricsOptions options) : options_(std::move(options)) {}

  // What is loaded with the same labels shares its metrics.
  ModelMetricsPtr Acquire(ModelMetricsSpec spec) EXCLUDES(mu_);

  // Ends an interval of all models (ModelMetrics::EndInterval).
  void EndInterval(double seconds);

  MetricsText Text(const std::optional<CacheFigures>& cache) const;

 private:
  // Those that something is loaded of, in the order of their labels.
  std::vector<ModelMetricsPtr> Models() const EXCLUDES(mu_);

  const MetricsOptions options_;
  mutable Mutex mu_;
  mutable std::map<std::string, std::weak_ptr<ModelMetrics>> models_ GUARDED_BY(mu_);  // By their labels.
};

}  // namespace triton_lite
