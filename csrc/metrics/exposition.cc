#include "metrics/exposition.h"

#include <array>
#include <atomic>
#include <limits>
#include <utility>
#include <vector>

namespace triton_lite {
namespace {

// Which models have a family.
enum class Of : std::uint8_t { kAll, kLatencies, kCached, kUncached };

bool Has(Of of, const ModelMetrics& model) {
  return of == Of::kCached ? model.spec().cached : of != Of::kUncached || !model.spec().cached;
}

struct CounterFamily {
  const char* name;
  const char* help;
  std::atomic<std::uint64_t> ModelCounters::* counter;  // Null: the failures, by reason.
  Of of;
};

constexpr std::array kCounters = {
    CounterFamily{"nv_inference_request_success", "Number of successful inference requests, all batch sizes",
                  &ModelCounters::success, Of::kAll},
    CounterFamily{"nv_inference_request_failure", "Number of failed inference requests, all batch sizes", nullptr,
                  Of::kAll},
    CounterFamily{"nv_inference_count", "Number of inferences performed (does not include cached requests)",
                  &ModelCounters::inferences, Of::kAll},
    CounterFamily{"nv_inference_exec_count", "Number of model executions performed (does not include cached requests)",
                  &ModelCounters::executions, Of::kAll},
    CounterFamily{"nv_inference_request_duration_us",
                  "Cumulative inference request duration in microseconds (includes cached requests)",
                  &ModelCounters::request, Of::kLatencies},
    CounterFamily{"nv_inference_queue_duration_us",
                  "Cumulative inference queuing duration in microseconds (includes cached requests)",
                  &ModelCounters::queue, Of::kLatencies},
    CounterFamily{"nv_inference_compute_input_duration_us",
                  "Cumulative compute input duration in microseconds (does not include cached requests)",
                  &ModelCounters::compute_input, Of::kLatencies},
    CounterFamily{"nv_inference_compute_infer_duration_us",
                  "Cumulative compute inference duration in microseconds (does not include cached requests)",
                  &ModelCounters::compute_infer, Of::kLatencies},
    CounterFamily{"nv_inference_compute_output_duration_us",
                  "Cumulative inference compute output duration in microseconds (does not include cached requests)",
                  &ModelCounters::compute_output, Of::kLatencies},
    CounterFamily{"nv_cache_num_hits_per_model", "Number of cache hits per model", &ModelCounters::cache_hits,
                  Of::kCached},
    CounterFamily{"nv_cache_hit_duration_per_model", "Total cache hit duration per model, in microseconds",
                  &ModelCounters::cache_hit, Of::kCached},
    CounterFamily{"nv_cache_num_misses_per_model", "Number of cache misses per model", &ModelCounters::cache_misses,
                  Of::kCached},
    CounterFamily{"nv_cache_miss_duration_per_model",
                  "Total cache miss (insert+lookup) duration per model, in microseconds", &ModelCounters::cache_miss,
                  Of::kCached},
};

struct HistogramFamily {
  HistogramKind kind;
  const char* help;
};

constexpr std::array kHistograms = {
    HistogramFamily{HistogramKind::kFirstResponse, "Duration from request to first response in milliseconds"},
    HistogramFamily{HistogramKind::kRequest,
                    "Duration of successful inference requests in seconds (includes cached requests)"},
    HistogramFamily{HistogramKind::kQueue,
                    "Time in the queue of successful inference requests in seconds (includes cached requests)"},
    HistogramFamily{HistogramKind::kBatchSize, "Elements in each batch that a model executed"},
};

struct SummaryFamily {
  SummaryKind kind;
  const char* name;
  const char* help;
  Of of;
};

constexpr std::array kSummaries = {
    SummaryFamily{SummaryKind::kRequest, "nv_inference_request_summary_us",
                  "Summary of inference request duration in microseconds (includes cached requests)", Of::kUncached},
    SummaryFamily{SummaryKind::kQueue, "nv_inference_queue_summary_us",
                  "Summary of inference queuing duration in microseconds (includes cached requests)", Of::kAll},
    SummaryFamily{SummaryKind::kComputeInput, "nv_inference_compute_input_summary_us",
                  "Cumulative compute input duration in microseconds (does not include cached requests)", Of::kAll},
    SummaryFamily{SummaryKind::kComputeInfer, "nv_inference_compute_infer_summary_us",
                  "Cumulative compute inference duration in microseconds (does not include cached requests)", Of::kAll},
    SummaryFamily{SummaryKind::kComputeOutput, "nv_inference_compute_output_summary_us",
                  "Cumulative inference compute output duration in microseconds (does not include cached requests)",
                  Of::kAll},
    SummaryFamily{SummaryKind::kCacheHit, "nv_cache_hit_summary_per_model",
                  "Summary of cache hit counts/durations per model, in microseconds.", Of::kCached},
    SummaryFamily{SummaryKind::kCacheMiss, "nv_cache_miss_summary_per_model",
                  "Summary of cache miss counts/durations per model, in microseconds.", Of::kCached},
};

// The models that a family has samples of.
std::vector<ModelMetrics*> Those(std::span<const ModelMetricsPtr> models, Of of) {
  std::vector<ModelMetrics*> those;
  for (const ModelMetricsPtr& model : models) {
    if (Has(of, *model)) {
      those.push_back(model.get());
    }
  }
  return those;
}

void WriteFailures(const ModelMetrics& model, TextWriter* writer) {
  for (std::size_t i = 0; i < model.counters().failures.size(); ++i) {
    writer->Sample("", model.failure_labels(static_cast<FailureReason>(i)),
                   model.counters().failures[i].load(std::memory_order_relaxed));
  }
}

void WriteHistogram(const Histogram& histogram, const std::string& labels, TextWriter* writer) {
  std::vector<std::uint64_t> up_to;
  std::uint64_t count = 0;
  for (std::size_t i = 0; i <= histogram.bounds().size(); ++i) {
    up_to.push_back(count += histogram.count(i));
  }
  writer->Sample("_count", labels, count);
  writer->Sample("_sum", labels, histogram.sum());
  for (std::size_t i = 0; i < histogram.bounds().size(); ++i) {
    writer->Sample("_bucket", labels, "le", histogram.bounds()[i], up_to[i]);
  }
  writer->Sample("_bucket", labels, "le", std::numeric_limits<double>::infinity(), count);
}

void WriteSummary(const Summaries::Figures& figures, const std::vector<QuantileTarget>& targets,
                  const std::string& labels, TextWriter* writer) {
  writer->Sample("_count", labels, figures.count);
  writer->Sample("_sum", labels, figures.sum);
  for (std::size_t i = 0; i < targets.size(); ++i) {
    writer->Sample("", labels, "quantile", targets[i].quantile, figures.quantiles[i]);
  }
}

}  // namespace

std::string CounterText(const MetricsOptions& options, std::span<const ModelMetricsPtr> models) {
  TextWriter writer;
  for (const CounterFamily& family : kCounters) {
    const std::vector<ModelMetrics*> those = Those(models, family.of);
    if (those.empty() || (family.of != Of::kAll && !options.counters)) {
      continue;
    }
    writer.Family(family.name, family.help, "counter");
    for (const ModelMetrics* model : those) {
      if (family.counter == nullptr) {
        WriteFailures(*model, &writer);
      } else {
        writer.Sample("", model->labels(), (model->counters().*family.counter).load(std::memory_order_relaxed));
      }
    }
  }
  return std::move(writer).Take();
}

std::string GaugeText(std::span<const ModelMetricsPtr> models) {
  TextWriter writer;
  if (models.empty()) {
    return "";
  }
  writer.Family("nv_inference_pending_request_count",
                "Instantaneous number of pending requests awaiting execution per-model.", "gauge");
  for (const ModelMetricsPtr& model : models) {
    writer.Sample("", model->labels(), model->waiting());
  }
  writer.Family("nv_model_load_duration_secs", "Model load time in seconds", "gauge");
  for (const ModelMetricsPtr& model : models) {
    writer.Sample("", model->labels(), model->load_seconds());
  }
  writer.Family("triton_lite_queue_wait_seconds",
                "Mean time in the queue of the requests that left it in the last interval (for autoscaling)", "gauge");
  for (const ModelMetricsPtr& model : models) {
    writer.Sample("", model->labels(), model->queue_wait());
  }
  return std::move(writer).Take();
}

std::string CacheText(const CacheFigures& cache) {
  TextWriter writer;
  const auto gauge = [&](const char* name, const char* help, auto value) {
    writer.Family(name, help, "gauge");
    writer.Sample("", "", value);
  };
  gauge("nv_cache_util", "Cache utilization [0.0 - 1.0]", cache.utilization);
  gauge("nv_cache_num_entries", "Number of responses stored in response cache", cache.entries);
  gauge("nv_cache_num_hits", "Number of cache hits in response cache", cache.hits);
  gauge("nv_cache_num_misses", "Number of cache misses in response cache", cache.misses);
  gauge("nv_cache_num_lookups", "Number of cache lookups in response cache", cache.hits + cache.misses);
  gauge("nv_cache_num_evictions", "Number of cache evictions in response cache", cache.evictions);
  gauge("nv_cache_lookup_duration", "Total cache lookup duration (hit and miss), in microseconds",
        cache.lookup_duration);
  gauge("nv_cache_insertion_duration", "Total cache insertion duration, in microseconds", cache.insertion_duration);
  return std::move(writer).Take();
}

std::string HistogramText(std::span<const ModelMetricsPtr> models) {
  TextWriter writer;
  if (models.empty() || models.front()->histogram(HistogramKind::kRequest) == nullptr) {
    return "";
  }
  for (const HistogramFamily& family : kHistograms) {
    writer.Family(HistogramName(family.kind), family.help, "histogram");
    for (const ModelMetricsPtr& model : models) {
      WriteHistogram(*model->histogram(family.kind), model->labels(), &writer);
    }
  }
  return std::move(writer).Take();
}

std::string SummaryText(std::span<const ModelMetricsPtr> models) {
  TextWriter writer;
  for (const SummaryFamily& family : kSummaries) {
    const std::vector<ModelMetrics*> those = Those(models, family.of);
    if (those.empty() || those.front()->summaries() == nullptr) {
      continue;
    }
    writer.Family(family.name, family.help, "summary");
    for (const ModelMetrics* model : those) {
      Summaries& summaries = *model->summaries();
      WriteSummary(summaries.Get(family.kind), summaries.targets(), model->labels(), &writer);
    }
  }
  return std::move(writer).Take();
}

}  // namespace triton_lite
