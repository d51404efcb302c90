// One version of a model, ready to run: its specification, the tables derived from it, its backend and scheduler.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "backends/backend.h"
#include "core/model_spec.h"
#include "engine/model_statistics.h"
#include "metrics/model_metrics.h"
#include "schedule/scheduler.h"

namespace triton_lite {

// Immutable once loaded, but for its statistics and instances, and shared by the registry and the requests that run on
// it, so that a reload never disturbs them. Thread-safe.
class ServedModel {
 public:
  // `backend` may be null (ensembles). `scheduler` is made over instances of `backend`.
  // `metrics`: null where there are none.
  ServedModel(ModelSpec spec, std::shared_ptr<BackendModel> backend, std::unique_ptr<Scheduler> scheduler,
              ModelMetricsPtr metrics = nullptr);
  // Waits for the scheduler's threads: never the last to let go on one of them (model_reaper.h).
  ~ServedModel();
  ServedModel(const ServedModel&) = delete;
  ServedModel& operator=(const ServedModel&) = delete;

  // As it was loaded: its instances may have changed.
  const ModelSpec& spec() const { return spec_; }
  const std::string& version_text() const { return version_text_; }
  std::size_t required_input_count() const { return required_input_count_; }
  bool batches() const { return spec_.max_batch_size > 0; }
  // Whether a client may change numbers that it sent while they wait. Not where they say which answer is kept.
  bool takes_changing_inputs() const {
    return backend_ != nullptr && backend_->copies_inputs() && !spec_.response_cache;
  }

  // Position in spec().inputs, or -1. `hint`: where the client's order suggests it.
  std::int32_t InputIndex(std::string_view name, std::size_t hint) const;

  ModelStatistics& statistics() const { return statistics_; }
  ModelMetrics* metrics() const { return metrics_.get(); }

  void Enqueue(RequestPtr request, EnqueueHint hint) const { scheduler_->Enqueue(std::move(request), hint); }
  // Requests that the engine's limits count; only where there are such.
  std::atomic<std::uint64_t>& in_flight() const { return in_flight_; }
  std::size_t pending() const { return scheduler_->pending(); }
  // Shared with instances that leave the scheduler. Null for ensembles.
  const std::shared_ptr<BackendModel>& backend() const { return backend_; }
  // See Scheduler.
  std::vector<std::size_t> Update(InstanceChange change) const { return scheduler_->Update(std::move(change)); }
  // Refuses further requests, returns when those taken have ended.
  void Drain() const { scheduler_->Drain(); }

 private:
  const ModelSpec spec_;
  const std::string version_text_;
  std::size_t required_input_count_ = 0;
  std::unordered_map<std::string_view, std::int32_t> input_index_;  // Views of spec_.
  const std::shared_ptr<BackendModel> backend_;                     // Outlives its instances.
  mutable ModelStatistics statistics_;                              // Outlives the scheduler's requests.
  const ModelMetricsPtr metrics_;
  mutable std::atomic<std::uint64_t> in_flight_{0};
  std::unique_ptr<Scheduler> scheduler_;
};

using ServedModelPtr = std::shared_ptr<const ServedModel>;

}  // namespace triton_lite
