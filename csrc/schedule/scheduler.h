// What stands between a validated request and a backend: queues, batches, instances.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "core/model_spec.h"
#include "core/request.h"

namespace triton_lite {

// How the thread that brings a request may be used.
struct EnqueueHint {
  // True: the scheduler may run the request on the calling thread before Enqueue returns, if an instance is idle
  // and the model is known to be quick (running mean of an execution under `inline_limit`).
  bool may_run_inline = false;
};

// One for each served version of a model.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Takes the request, always: what is wrong is said through its responder. Any thread. Never blocks on a queue.
  virtual void Enqueue(RequestPtr request, EnqueueHint hint) = 0;

  // Refuses what comes from now on (UNAVAILABLE, Triton's text), and returns when all that was taken has ended.
  virtual void Drain() = 0;

  // Requests that are queued or run.
  virtual std::size_t pending() const = 0;
};

// Starts a request against another model: how ensembles reach their steps. Implemented by the engine.
// `request->responder`, inputs (client view), outputs, id, flags, correlation id, priority and timeout are set;
// validation, version resolution and everything else is done here. Errors come through the responder.
class ModelRouter {
 public:
  virtual ~ModelRouter() = default;
  virtual void Start(const std::string& model_name, std::int64_t model_version, RequestPtr request) = 0;
};

// Instances of one model with their placements, ready to run. The scheduler owns them.
using Instances = std::vector<std::unique_ptr<BackendInstance>>;

// Called after each execution of a batch, with the requests' timestamps complete (compute_start..compute_end).
class ExecutionObserver {
 public:
  virtual ~ExecutionObserver() = default;
  virtual void OnExecuted(std::span<InferenceRequest* const> batch, std::uint32_t batch_size) = 0;
};

// Default scheduler (one request a batch) and dynamic batcher, by `spec.scheduler`.
std::unique_ptr<Scheduler> MakeBatchScheduler(const ModelSpec& spec, Instances instances, ExecutionObserver* observer);

// Runs the steps of an ensemble through `router`. Holds no instance.
std::unique_ptr<Scheduler> MakeEnsembleScheduler(const ModelSpec& spec, ModelRouter* router);

}  // namespace triton_lite
