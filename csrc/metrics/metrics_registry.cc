#include "metrics/metrics_registry.h"

#include <utility>

#include "metrics/exposition.h"

namespace triton_lite {

ModelMetricsPtr MetricsRegistry::Acquire(ModelMetricsSpec spec) {
  const std::string key = LabelText(spec.labels);
  MutexLock lock(mu_);
  std::weak_ptr<ModelMetrics>& known = models_[key];
  ModelMetricsPtr metrics = known.lock();
  if (metrics == nullptr) {
    metrics = std::make_shared<ModelMetrics>(options_, std::move(spec));
    known = metrics;
  }
  return metrics;
}

std::vector<ModelMetricsPtr> MetricsRegistry::Models() const {
  std::vector<ModelMetricsPtr> models;
  MutexLock lock(mu_);
  for (auto at = models_.begin(); at != models_.end();) {
    if (ModelMetricsPtr metrics = at->second.lock()) {
      models.push_back(std::move(metrics));
      ++at;
    } else {
      at = models_.erase(at);
    }
  }
  return models;
}

void MetricsRegistry::EndInterval(double seconds) {
  for (const ModelMetricsPtr& model : Models()) {
    model->EndInterval(seconds);
  }
}

MetricsText MetricsRegistry::Text(const std::optional<CacheFigures>& cache) const {
  const std::vector<ModelMetricsPtr> models = Models();
  return {.counters = CounterText(options_, models),
          .gauges = GaugeText(models),
          .cache = cache.has_value() ? CacheText(*cache) : "",
          .distributions = HistogramText(models) + SummaryText(models)};
}

}  // namespace triton_lite
