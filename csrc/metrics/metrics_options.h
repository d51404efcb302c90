// What metrics there are: --metrics-config, and what a model's configuration says of them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "metrics/quantile_stream.h"
#include "metrics/text_writer.h"

namespace triton_lite {

struct MetricsOptions {
  bool counters = true;     // counter_latencies. Without them every counter stays 0, as in Triton.
  bool histograms = false;  // histogram_latencies.
  std::optional<std::vector<QuantileTarget>> summaries;  // summary_quantiles, if summary_latencies.
};

// Of one version of a model.
struct ModelMetricsSpec {
  Labels labels;
  bool cached = false;                                 // Its answers are kept in a cache.
  std::map<std::string, std::vector<double>> buckets;  // Of histograms, by their families' names (model_metrics).
};

}  // namespace triton_lite
