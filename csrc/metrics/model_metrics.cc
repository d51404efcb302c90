#include "metrics/model_metrics.h"

#include <utility>

#include "metrics/queue_wait.h"

namespace triton_lite {
namespace {

struct HistogramDefault {
  const char* name;
  std::vector<double> buckets;
};

const HistogramDefault& Default(HistogramKind kind) {
  static const std::vector<double> seconds = {0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                              0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  static const std::array<HistogramDefault, kHistogramKinds> defaults = {{
      {"nv_inference_first_response_histogram_ms", {100, 500, 2000, 5000}},
      {"triton_lite_request_duration_seconds", seconds},
      {"triton_lite_queue_duration_seconds", seconds},
      {"triton_lite_batch_size", {1, 2, 4, 8, 16, 32, 64, 128, 256}},
  }};
  return defaults[static_cast<std::size_t>(kind)];
}

const char* ReasonName(FailureReason reason) {
  switch (reason) {
    case FailureReason::kRejected:
      return "REJECTED";
    case FailureReason::kCanceled:
      return "CANCELED";
    case FailureReason::kBackend:
      return "BACKEND";
    default:
      return "OTHER";
  }
}

void Add(std::atomic<std::uint64_t>& counter, std::uint64_t value) {
  counter.fetch_add(value, std::memory_order_relaxed);
}

double Seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) * 1e-9; }

}  // namespace

const char* HistogramName(HistogramKind kind) { return Default(kind).name; }

ModelMetrics::ModelMetrics(const MetricsOptions& options, ModelMetricsSpec spec)
    : spec_(std::move(spec)), labels_(LabelText(spec_.labels)), counts_(options.counters) {
  for (std::size_t i = 0; i < failure_labels_.size(); ++i) {
    Labels labels = spec_.labels;
    labels["reason"] = ReasonName(static_cast<FailureReason>(i));
    failure_labels_[i] = LabelText(labels);
  }
  for (std::size_t i = 0; options.histograms && i < kHistogramKinds; ++i) {
    const HistogramDefault& standard = Default(static_cast<HistogramKind>(i));
    const auto own = spec_.buckets.find(standard.name);
    histograms_.push_back(std::make_unique<Histogram>(own == spec_.buckets.end() ? standard.buckets : own->second));
  }
  if (options.summaries.has_value()) {
    summaries_ = std::make_unique<Summaries>(*options.summaries);
  }
}

void ModelMetrics::Record(const RequestFigures& figures) {
  if (counts_ && figures.execution_batch_size > 0) {
    Add(counters_.executions, 1);
  }
  if (figures.succeeded) {
    LeaveQueue(figures.queue);
    CountSuccess(figures);
    if (summaries_ != nullptr) {
      summaries_->Observe(figures);
    }
  } else if (figures.failure_reason != FailureReason::kUncounted) {
    if (counts_) {
      Add(counters_.failures[static_cast<std::size_t>(figures.failure_reason)], figures.failure_count);
    }
    if (figures.failure_reason == FailureReason::kRejected) {
      LeaveQueue(figures.queue);  // It waited in vain.
    }
  }
  if (!histograms_.empty()) {
    ObserveHistograms(figures);
  }
}

void ModelMetrics::CountSuccess(const RequestFigures& figures) {
  if (!counts_) {
    return;
  }
  ModelCounters& counters = counters_;
  Add(counters.success, 1);
  Add(counters.request, figures.request / 1000);
  Add(counters.queue, figures.queue / 1000);
  if (figures.cache_outcome == CacheOutcome::kHit) {
    Add(counters.cache_hits, 1);
    Add(counters.cache_hit, figures.cache / 1000);
    return;
  }
  Add(counters.inferences, figures.batch_size);
  Add(counters.compute_input, figures.compute_input / 1000);
  Add(counters.compute_infer, figures.compute_infer / 1000);
  Add(counters.compute_output, figures.compute_output / 1000);
  if (figures.cache_outcome == CacheOutcome::kMiss) {
    Add(counters.cache_misses, 1);
    Add(counters.cache_miss, figures.cache / 1000);
  }
}

void ModelMetrics::ObserveHistograms(const RequestFigures& figures) {
  const auto of = [this](HistogramKind kind) -> Histogram& { return *histograms_[static_cast<std::size_t>(kind)]; };
  if (figures.responded) {
    of(HistogramKind::kFirstResponse).Observe(static_cast<double>(figures.first_response / 1'000'000));
  }
  if (figures.succeeded) {
    of(HistogramKind::kRequest).Observe(Seconds(figures.request));
    of(HistogramKind::kQueue).Observe(Seconds(figures.queue));
  }
  if (figures.execution_batch_size > 0) {
    of(HistogramKind::kBatchSize).Observe(figures.execution_batch_size);
  }
}

void ModelMetrics::LeaveQueue(std::uint64_t nanoseconds) {
  Add(left_queue_, 1);
  Add(left_queue_nanoseconds_, nanoseconds);
}

void ModelMetrics::AddQueue(const void* owner, std::function<std::size_t()> waiting) {
  MutexLock lock(mu_);
  queues_[owner] = std::move(waiting);
}

void ModelMetrics::RemoveQueue(const void* owner) {
  MutexLock lock(mu_);
  queues_.erase(owner);
}

std::uint64_t ModelMetrics::waiting() const {
  MutexLock lock(mu_);
  std::uint64_t sum = 0;
  for (const auto& [owner, waiting] : queues_) {
    sum += waiting();
  }
  return sum;
}

void ModelMetrics::EndInterval(double seconds) {
  const std::uint64_t still_waiting = waiting();
  const std::uint64_t left = left_queue_.load(std::memory_order_relaxed);
  const std::uint64_t nanoseconds = left_queue_nanoseconds_.load(std::memory_order_relaxed);
  MutexLock lock(mu_);
  const QueueInterval interval{.seconds = seconds,
                               .left = left - left_before_,
                               .waited_seconds = Seconds(nanoseconds - nanoseconds_before_),
                               .waiting = still_waiting};
  left_before_ = left;
  nanoseconds_before_ = nanoseconds;
  queue_wait_.store(QueueWait(queue_wait_.load(std::memory_order_relaxed), interval), std::memory_order_relaxed);
}

}  // namespace triton_lite
