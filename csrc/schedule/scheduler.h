// What stands between a validated request and a backend: queues, batches, instances.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "core/model_spec.h"
#include "core/request.h"
#include "schedule/rate_limiter.h"

namespace triton_lite {

// How the thread that brings a request may be used.
struct EnqueueHint {
  // True: the scheduler may run the request on the calling thread before Enqueue returns, if an instance is idle
  // and the model is known to be quick (running mean of an execution under `inline_limit`).
  bool may_run_inline = false;
};

// Instances of one model with their placements, ready to run. The scheduler owns them.
using Instances = std::vector<std::unique_ptr<BackendInstance>>;

// Takes over an instance that has left a scheduler, with its seat if it has one. Called under the scheduler's lock, on
// any of its threads: what is to be done is done elsewhere.
using InstanceEnd = std::function<void(std::unique_ptr<BackendInstance>, RateLimiter::SeatPtr)>;

// Instances that come and go while a model is served.
struct InstanceChange {
  Instances added;
  Seats seats;                       // One for each that is added, where those of the model are limited.
  std::vector<std::size_t> removed;  // By number.
  InstanceEnd end;                   // Of those that are removed.
};

// One for each served version of a model. Destruction drains it. Neither Drain nor the destructor may run on a thread
// of the scheduler itself: whoever holds the last reference to a model inside a responder hands it to another thread.
class Scheduler {
 public:
  virtual ~Scheduler() = default;

  // Takes the request, always: what is wrong is said through its responder. Any thread. Never blocks on a queue.
  // request->model, or else the caller, keeps the scheduler alive until this returns.
  virtual void Enqueue(RequestPtr request, EnqueueHint hint) = 0;

  // Refuses what comes from now on (UNAVAILABLE, Triton's text), and returns when all that was taken has ended.
  virtual void Drain() = 0;

  // From now on other instances run what comes. One that is removed ends the batch that it has, or the sequences,
  // before it goes. At least one has to stay. Returns the numbers of those added: instances count from 0 in the order
  // in which they are given; a number is given again once its instance is gone. Ensembles have none.
  virtual std::vector<std::size_t> Update(InstanceChange /*change*/) { return {}; }

  // Requests that are queued or run.
  virtual std::size_t pending() const = 0;

  // Requests that are queued. None where nothing waits for an instance of this model (ensembles).
  virtual std::size_t waiting() const { return 0; }
};

// What a name stands for while an ensemble's request runs, whatever becomes of the name meanwhile.
struct RoutedModel {
  std::shared_ptr<const ModelSpec> spec;  // An ensemble needs dims and max_batch_size of its steps' models.
  std::shared_ptr<const void> handle;     // The router's own.
};

// Starts a request against another model: how ensembles reach their steps. Implemented by the engine.
// `request->responder`, inputs (client view), outputs, id, flags, correlation id, priority and timeout are set;
// validation and everything else is done here. Errors come through the responder.
class ModelRouter {
 public:
  virtual ~ModelRouter() = default;
  // What the named version serves now (-1: the latest). An error has the text that a request to the model would get.
  virtual Result<RoutedModel> Find(const std::string& model_name, std::int64_t model_version) = 0;
  virtual void Start(const RoutedModel& model, RequestPtr request, EnqueueHint hint) = 0;
};

// Default scheduler (one request a batch) and dynamic batcher, by `spec.scheduler`. At least one instance.
// `seats`: one for each instance where the rate limiter says when they run.
std::unique_ptr<Scheduler> MakeBatchScheduler(const ModelSpec& spec, Instances instances, Seats seats = {});

// The sequence batcher of a model whose scheduler is a SequenceBatchingSpec. `initial`: the value of each of its states
// before the first request of a sequence. `seats`: as above.
std::unique_ptr<Scheduler> MakeSequenceScheduler(const ModelSpec& spec, Instances instances, SequenceStates initial,
                                                 Seats seats = {});

// Runs the steps of an ensemble through `router`, which outlives the scheduler. Holds no instance. The times of a
// request that succeeds are the sums of its steps'.
std::unique_ptr<Scheduler> MakeEnsembleScheduler(const ModelSpec& spec, ModelRouter* router);

}  // namespace triton_lite
