// The metrics of one version of a model, from its first load until nothing of it is loaded any more: a reload goes on
// counting.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/mutex.h"
#include "metrics/histogram.h"
#include "metrics/metrics_options.h"
#include "metrics/request_figures.h"
#include "metrics/summaries.h"

namespace triton_lite {

// Durations in microseconds, those of each request cut to whole ones before they are added up, as Triton does.
struct ModelCounters {
  std::atomic<std::uint64_t> success{0};
  std::array<std::atomic<std::uint64_t>, 4> failures{};  // By FailureReason.
  std::atomic<std::uint64_t> inferences{0};
  std::atomic<std::uint64_t> executions{0};
  std::atomic<std::uint64_t> request{0};
  std::atomic<std::uint64_t> queue{0};
  std::atomic<std::uint64_t> compute_input{0};
  std::atomic<std::uint64_t> compute_infer{0};
  std::atomic<std::uint64_t> compute_output{0};
  std::atomic<std::uint64_t> cache_hits{0};
  std::atomic<std::uint64_t> cache_hit{0};
  std::atomic<std::uint64_t> cache_misses{0};
  std::atomic<std::uint64_t> cache_miss{0};
};

enum class HistogramKind : std::uint8_t { kFirstResponse, kRequest, kQueue, kBatchSize };
inline constexpr std::size_t kHistogramKinds = 4;

// The name that `kind` is written under and that model_metrics calls it by.
const char* HistogramName(HistogramKind kind);

// Thread-safe. Without histograms and summaries, recording takes no lock.
class ModelMetrics {
 public:
  ModelMetrics(const MetricsOptions& options, ModelMetricsSpec spec);
  ModelMetrics(const ModelMetrics&) = delete;
  ModelMetrics& operator=(const ModelMetrics&) = delete;

  void Record(const RequestFigures& figures);
  void SetLoadSeconds(double seconds) { load_seconds_.store(seconds, std::memory_order_relaxed); }

  // Where requests for the model wait: `waiting` counts them, on any thread, until `owner` is removed.
  void AddQueue(const void* owner, std::function<std::size_t()> waiting) EXCLUDES(mu_);
  void RemoveQueue(const void* owner) EXCLUDES(mu_);
  std::uint64_t waiting() const EXCLUDES(mu_);
  // Ends an interval of so many seconds, and says how long requests waited in it.
  void EndInterval(double seconds) EXCLUDES(mu_);

  const ModelMetricsSpec& spec() const { return spec_; }
  const std::string& labels() const { return labels_; }
  const std::string& failure_labels(FailureReason reason) const {
    return failure_labels_[static_cast<std::size_t>(reason)];
  }
  const ModelCounters& counters() const { return counters_; }
  double load_seconds() const { return load_seconds_.load(std::memory_order_relaxed); }
  double queue_wait() const { return queue_wait_.load(std::memory_order_relaxed); }
  // Null: there are none.
  const Histogram* histogram(HistogramKind kind) const {
    return histograms_.empty() ? nullptr : histograms_[static_cast<std::size_t>(kind)].get();
  }
  Summaries* summaries() const { return summaries_.get(); }

 private:
  void CountSuccess(const RequestFigures& figures);
  void ObserveHistograms(const RequestFigures& figures);
  void LeaveQueue(std::uint64_t nanoseconds);

  const ModelMetricsSpec spec_;
  const std::string labels_;
  std::array<std::string, 4> failure_labels_;
  const bool counts_;
  ModelCounters counters_;
  std::atomic<std::uint64_t> left_queue_{0};
  std::atomic<std::uint64_t> left_queue_nanoseconds_{0};
  std::atomic<double> load_seconds_{0};
  std::atomic<double> queue_wait_{0};
  std::vector<std::unique_ptr<Histogram>> histograms_;  // By HistogramKind, or none.
  std::unique_ptr<Summaries> summaries_;

  mutable Mutex mu_;
  std::map<const void*, std::function<std::size_t()>> queues_ GUARDED_BY(mu_);
  std::uint64_t left_before_ GUARDED_BY(mu_) = 0;  // At the end of the last interval.
  std::uint64_t nanoseconds_before_ GUARDED_BY(mu_) = 0;
};

using ModelMetricsPtr = std::shared_ptr<ModelMetrics>;

}  // namespace triton_lite
