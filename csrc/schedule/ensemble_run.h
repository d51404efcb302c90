// One request to an ensemble on its way through the steps.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "core/request.h"
#include "schedule/ensemble_graph.h"
#include "schedule/reply.h"
#include "schedule/scheduler.h"
#include "schedule/sequence_parameters.h"
#include "schedule/step_limiter.h"

namespace triton_lite {

// What the runs of an ensemble share; outlives them.
struct EnsembleSurroundings {
  std::shared_ptr<const EnsembleGraph> graph;
  ModelRouter* router = nullptr;
  std::shared_ptr<StepLimiter> limiter;  // Null: no limit.
};

// Lives as long as one of its steps. A step starts as soon as all its inputs are there; a decoupled step that answers
// several times makes several iterations of what follows it. Tensors are passed on without a copy.
class EnsembleRun : public std::enable_shared_from_this<EnsembleRun> {
 public:
  // `on_end` is called once, after the last reply.
  EnsembleRun(EnsembleSurroundings surroundings, RequestPtr request, std::function<void()> on_end);

  // `hint`: how this thread may be used.
  void Start(EnqueueHint hint) EXCLUDES(mu_);

 private:
  // One value of a tensor.
  struct Value {
    bool present = false;  // False: an optional input that the client left out, or an output that a step did not give.
    DataType datatype = DataType::kInvalid;
    Shape shape;  // In full.
    Buffer data;
    std::int64_t batch_size = 0;         // Of the request it came from; 0: from a model that does not batch.
    std::optional<SequenceMark> marked;  // Of the step it came from; nothing for the ensemble's own inputs.
    std::uint32_t uses_left = 0;
  };
  // The same position in all inputs of a step: values of one iteration belong together.
  using ValueId = std::pair<TensorIndex, std::size_t>;

  // The values of one tensor by iteration. Those of the first iterations go when they have served: a stream may be
  // without end.
  class Values {
   public:
    std::size_t Add(Value value) {
      values_.push_back(std::move(value));
      const std::size_t iteration = end() - 1;
      Forget();
      return iteration;
    }
    std::size_t end() const { return first_ + values_.size(); }
    Value& operator[](std::size_t iteration) { return values_[iteration - first_]; }
    // What uses `iteration` has one use less.
    void Use(std::size_t iteration) {
      Value& value = values_[iteration - first_];
      if (--value.uses_left == 0) {
        value.data = {};
      }
      Forget();
    }

   private:
    void Forget() {
      for (; !values_.empty() && values_.front().uses_left == 0; ++first_) {
        values_.pop_front();
      }
    }

    std::deque<Value> values_;
    std::size_t first_ = 0;
  };

  // What a running step's replies are to be taken for.
  struct RunningStep {
    StepIndex step = 0;
    std::int64_t batch_size = 0;  // 0: its model does not batch.
    SequenceMark mark;
    const InferenceRequest* request = nullptr;  // Owns the responder that has this.
  };
  class StepResponder;
  using Hooks = std::vector<std::function<void()>>;

  struct ReadyStep {
    StepIndex step = 0;
    RequestPtr request;
  };

  // Sums over the steps: what statistics show for the ensemble, as in Triton.
  struct Durations {
    std::uint64_t input = 0;
    std::uint64_t infer = 0;
    std::uint64_t output = 0;
  };

  Status FindModels();
  void AddDurations(const Timestamps& step) REQUIRES(mu_);
  void OnReply(const RunningStep& step, Reply reply) EXCLUDES(mu_);
  // A decoupled step has to wait for the client, and for the steps that its responses start.
  bool HasCredit(StepIndex step) EXCLUDES(mu_);
  void OnCredit(StepIndex step, std::function<void()> hook) EXCLUDES(mu_);
  bool IsFarAhead(StepIndex step, std::size_t most) const REQUIRES(mu_);
  Hooks TakeHooks() REQUIRES(mu_);

  // Everything that new values and ended steps lead to. Returns the steps to start after the lock was let go.
  std::vector<ReadyStep> Proceed(const std::vector<ValueId>& added) REQUIRES(mu_);
  std::vector<ValueId> AddInputs() REQUIRES(mu_);
  Result<std::vector<ValueId>> AddOutputs(const RunningStep& step, InferenceResponse response) REQUIRES(mu_);
  ValueId AddValue(TensorIndex tensor, Value value) REQUIRES(mu_);
  bool IsReady(StepIndex step, std::size_t iteration) const REQUIRES(mu_);
  ReadyStep MakeStep(StepIndex step, std::size_t iteration) REQUIRES(mu_);
  void SetInputs(std::size_t iteration, RunningStep* running, InferenceRequest* request) REQUIRES(mu_);
  void AddResponses(const std::vector<ValueId>& added) REQUIRES(mu_);
  bool IsAnswered(std::size_t iteration) const REQUIRES(mu_);
  InferenceResponse MakeResponse(std::size_t iteration) REQUIRES(mu_);
  void Conclude() REQUIRES(mu_);

  // Through the StepLine that is open.
  void StartSteps(std::vector<ReadyStep> steps);
  void StartStep(ReadyStep step, EnqueueHint hint) EXCLUDES(mu_);
  void RunStep(ReadyStep step, EnqueueHint hint) EXCLUDES(mu_);
  void DeliverReplies() EXCLUDES(mu_);
  // Sets the end of the request's timestamps, which statistics read when the last reply is handed over.
  void StampEnd() EXCLUDES(mu_);
  // Ends the run with its last reply.
  void DeliverLast(Reply reply) EXCLUDES(mu_);

  const EnsembleSurroundings surroundings_;
  const std::shared_ptr<const EnsembleGraph>& graph_ = surroundings_.graph;
  const std::function<void()> on_end_;
  const std::shared_ptr<const EnsemblePlan> plan_;
  std::vector<RoutedModel> models_;  // By step; set by Start, constant then.
  RequestPtr request_;               // Replied to by the delivering thread only.

  Mutex mu_;
  std::vector<Values> values_ GUARDED_BY(mu_);           // By tensor.
  std::size_t running_ GUARDED_BY(mu_) = 0;              // Steps that have not sent their last reply.
  std::vector<std::size_t> running_of_ GUARDED_BY(mu_);  // The same, by step.
  std::vector<std::pair<StepIndex, std::function<void()>>> awaiting_credit_ GUARDED_BY(mu_);
  Durations durations_ GUARDED_BY(mu_);
  Status status_ GUARDED_BY(mu_);                          // The first error.
  std::optional<InferenceResponse> held_ GUARDED_BY(mu_);  // The response, until no step runs (not decoupled).
  bool responded_ GUARDED_BY(mu_) = false;
  std::vector<Reply> replies_ GUARDED_BY(mu_);  // To be delivered, in order.
  bool delivering_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite
