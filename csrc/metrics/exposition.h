// The families of the models, as Triton names, explains and orders them; ours come last of their type.
#pragma once

#include <span>
#include <string>

#include "metrics/cache_figures.h"
#include "metrics/metrics_options.h"
#include "metrics/model_metrics.h"

namespace triton_lite {

// A family that no model has a sample of is left out.
std::string CounterText(const MetricsOptions& options, std::span<const ModelMetricsPtr> models);
std::string GaugeText(std::span<const ModelMetricsPtr> models);
std::string CacheText(const CacheFigures& cache);
std::string HistogramText(std::span<const ModelMetricsPtr> models);
std::string SummaryText(std::span<const ModelMetricsPtr> models);

}  // namespace triton_lite
