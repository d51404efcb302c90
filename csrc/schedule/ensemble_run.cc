#include "schedule/ensemble_run.h"

#include <algorithm>
#include <string>

#include "core/reshape.h"
#include "log/log.h"
#include "schedule/batch_dimension.h"
#include "schedule/refusal.h"
#include "schedule/step_line.h"

namespace triton_lite {
namespace {

// Runs of one step, started by the responses of a decoupled one, that may be under way before it has to wait.
constexpr std::size_t kStepsAhead = 64;

// Tensors between steps.
class InternalMemory : public OutputMemory {
 public:
  Result<Buffer> Allocate(std::size_t byte_size) override { return AllocateHeap(byte_size); }
  bool takes_device_memory() const override { return true; }
};

OutputMemory& GetInternalMemory() {
  static InternalMemory memory;
  return memory;
}

}  // namespace

// Takes the replies of one running step.
class EnsembleRun::StepResponder : public Responder {
 public:
  StepResponder(std::shared_ptr<EnsembleRun> run, RunningStep step, OutputMemory* memory)
      : run_(std::move(run)), step_(std::move(step)), memory_(memory) {}

  ~StepResponder() override {
    if (!ended_) {
      Fail(Internal("the request was dropped"));
    }
  }

  OutputMemory& memory() override { return *memory_; }
  void Send(InferenceResponse response, bool last) override { Pass(Reply::Send(std::move(response), last)); }
  void Fail(Status status) override { Pass(Reply::Fail(std::move(status))); }
  void Finish() override { Pass(Reply::Finish()); }
  bool HasCredit() override { return run_->HasCredit(step_.step); }
  void OnCredit(std::function<void()> hook) override { run_->OnCredit(step_.step, std::move(hook)); }

 private:
  void Pass(Reply reply) {
    if (!ended_) {
      ended_ = reply.last;
      run_->OnReply(step_, std::move(reply));
    }
  }

  const std::shared_ptr<EnsembleRun> run_;
  const RunningStep step_;
  OutputMemory* const memory_;
  bool ended_ = false;
};

EnsembleRun::EnsembleRun(EnsembleSurroundings surroundings, RequestPtr request, std::function<void()> on_end)
    : surroundings_(std::move(surroundings)),
      on_end_(std::move(on_end)),
      plan_(graph_->Plan(request->outputs)),
      request_(std::move(request)) {}

void EnsembleRun::Start(EnqueueHint hint) {
  const StepLine line(hint);
  request_->times.compute_start = NowNanoseconds();
  std::vector<ReadyStep> ready;
  Status found = FindModels();
  {
    MutexLock lock(mu_);
    values_.resize(graph_->tensor_count());
    running_of_.resize(graph_->steps().size());
    status_ = std::move(found);
    ready = Proceed(AddInputs());
  }
  DeliverReplies();
  StartSteps(std::move(ready));
}

Status EnsembleRun::FindModels() {
  for (const EnsembleStep& step : graph_->steps()) {
    ASSIGN_OR_RETURN(RoutedModel model, surroundings_.router->Find(step.model_name, step.model_version));
    models_.push_back(std::move(model));
  }
  return {};
}

void EnsembleRun::OnReply(const RunningStep& step, Reply reply) {
  const StepLine line(EnqueueHint{});
  if (reply.last && surroundings_.limiter != nullptr) {
    if (StepLimiter::Start next = surroundings_.limiter->Leave(step.step)) {
      StepLine::Push([next = std::move(next)](EnqueueHint) { next(); });
    }
  }
  std::vector<ReadyStep> ready;
  Hooks hooks;
  {
    MutexLock lock(mu_);
    if (reply.last) {
      --running_;
      --running_of_[step.step];
      AddDurations(step.request->times);
      hooks = TakeHooks();
    }
    std::vector<ValueId> added;
    if (status_.ok() && reply.kind == Reply::Kind::kFail) {
      status_ = std::move(reply.status);
    } else if (status_.ok() && !reply.response.error.ok()) {
      status_ = std::move(reply.response.error);
    } else if (status_.ok() && reply.kind == Reply::Kind::kSend) {
      Result<std::vector<ValueId>> outputs = AddOutputs(step, std::move(reply.response));
      status_ = outputs.status();
      if (outputs.ok()) {
        added = *std::move(outputs);
      }
    }
    ready = Proceed(added);
  }
  DeliverReplies();
  StartSteps(std::move(ready));
  for (const auto& hook : hooks) {
    hook();
  }
}

bool EnsembleRun::HasCredit(StepIndex step) {
  {
    MutexLock lock(mu_);
    if (IsFarAhead(step, kStepsAhead)) {
      return false;
    }
  }
  return request_->responder->HasCredit();
}

void EnsembleRun::OnCredit(StepIndex step, std::function<void()> hook) {
  {
    MutexLock lock(mu_);
    if (IsFarAhead(step, kStepsAhead)) {
      awaiting_credit_.emplace_back(step, std::move(hook));
      return;
    }
  }
  request_->responder->OnCredit(std::move(hook));
}

bool EnsembleRun::IsFarAhead(StepIndex step, std::size_t most) const {
  const auto& outputs = graph_->steps()[step].outputs;
  return std::any_of(outputs.begin(), outputs.end(), [&](const auto& output) REQUIRES(mu_) {
    const auto& consumers = graph_->consumers(output.second);
    return std::any_of(consumers.begin(), consumers.end(),
                       [&](StepIndex consumer) REQUIRES(mu_) { return running_of_[consumer] >= most; });
  });
}

EnsembleRun::Hooks EnsembleRun::TakeHooks() {
  Hooks hooks;
  std::erase_if(awaiting_credit_, [&](auto& entry) REQUIRES(mu_) {
    const bool due = !IsFarAhead(entry.first, kStepsAhead / 2);
    if (due) {
      hooks.push_back(std::move(entry.second));
    }
    return due;
  });
  return hooks;
}

std::vector<EnsembleRun::ReadyStep> EnsembleRun::Proceed(const std::vector<ValueId>& added) {
  std::vector<ReadyStep> ready;
  if (status_.ok()) {
    std::vector<std::pair<StepIndex, std::size_t>> started;
    for (const auto& [tensor, iteration] : added) {
      for (const StepIndex step : graph_->consumers(tensor)) {
        const std::pair start{step, iteration};
        const bool seen = std::find(started.begin(), started.end(), start) != started.end();
        if (plan_->runs[step] && !seen && IsReady(step, iteration)) {
          started.push_back(start);
        }
      }
    }
    for (const auto& [step, iteration] : started) {
      ready.push_back(MakeStep(step, iteration));
    }
    running_ += ready.size();
    for (const ReadyStep& step : ready) {
      ++running_of_[step.step];
    }
    AddResponses(added);
  }
  if (running_ == 0) {
    Conclude();
  }
  return ready;
}

std::vector<EnsembleRun::ValueId> EnsembleRun::AddInputs() {
  std::vector<ValueId> added;
  for (const auto& [name, tensor] : graph_->inputs()) {
    const auto input = std::find_if(request_->inputs.begin(), request_->inputs.end(),
                                    [&name = name](const InputTensor& candidate) { return candidate.name == name; });
    Value value;
    value.batch_size = graph_->batches() ? static_cast<std::int64_t>(request_->batch_size) : 0;
    if (input != request_->inputs.end()) {
      value.present = true;
      value.datatype = input->datatype;
      value.shape = input->model_shape;
      value.data = input->data;
    }
    added.push_back(AddValue(tensor, std::move(value)));
  }
  return added;
}

Result<std::vector<EnsembleRun::ValueId>> EnsembleRun::AddOutputs(const RunningStep& step, InferenceResponse response) {
  ASSIGN_OR_RETURN(const SequenceMark mark, ReadSequenceMark(response.parameters, step.mark));
  std::vector<ValueId> added;
  for (const auto& [name, tensor] : graph_->steps()[step.step].outputs) {
    if (!plan_->needed[tensor]) {
      continue;
    }
    const auto output = std::find_if(response.outputs.begin(), response.outputs.end(),
                                     [&name = name](const OutputTensor& candidate) { return candidate.name == name; });
    Value value;
    value.batch_size = step.batch_size;
    value.marked = mark;
    if (output != response.outputs.end()) {
      value.present = true;
      value.datatype = output->datatype;
      value.shape = output->shape;
      value.data = std::move(output->data);
    }
    added.push_back(AddValue(tensor, std::move(value)));
  }
  return added;
}

EnsembleRun::ValueId EnsembleRun::AddValue(TensorIndex tensor, Value value) {
  value.uses_left = plan_->uses[tensor];
  if (value.uses_left == 0) {
    value.data = {};
  }
  return {tensor, values_[tensor].Add(std::move(value))};
}

bool EnsembleRun::IsReady(StepIndex step, std::size_t iteration) const {
  const auto& inputs = graph_->steps()[step].inputs;
  return std::all_of(inputs.begin(), inputs.end(),
                     [&](const auto& input) REQUIRES(mu_) { return iteration < values_[input.second].end(); });
}

EnsembleRun::ReadyStep EnsembleRun::MakeStep(StepIndex step, std::size_t iteration) {
  auto request = std::make_unique<InferenceRequest>();
  RunningStep running{step, 0, {request_->correlation_id, request_->flags}, request.get()};
  SetInputs(iteration, &running, request.get());
  for (const auto& [name, tensor] : graph_->steps()[step].outputs) {
    if (plan_->needed[tensor]) {
      request->outputs.push_back({name, 0, {}});
    }
  }
  request->id = request_->id;
  request->correlation_id = running.mark.correlation_id;
  request->flags = running.mark.flags;
  request->priority = request_->priority;
  request->timeout_microseconds = request_->timeout_microseconds;
  request->parameters = request_->parameters;
  request->cancel = request_->cancel;
  if (request_->trace != nullptr) {
    request->trace = request_->trace->MakeChild(*request);
  }
  // What the client gets is written where its answer lies.
  OutputMemory& memory = plan_->answers[step] ? request_->responder->memory() : GetInternalMemory();
  request->responder = std::make_unique<StepResponder>(shared_from_this(), std::move(running), &memory);
  return {step, std::move(request)};
}

void EnsembleRun::SetInputs(std::size_t iteration, RunningStep* running, InferenceRequest* request) {
  const EnsembleStep& step = graph_->steps()[running->step];
  const ModelSpec& model = *models_[running->step].spec;
  const bool batches = model.max_batch_size > 0;
  bool marked = false;
  for (const auto& [name, tensor] : step.inputs) {
    const Value& value = values_[tensor][iteration];
    if (value.marked.has_value() && !marked) {
      running->mark = *value.marked;
      marked = true;
    }
    if (!value.present) {
      continue;
    }
    const TensorSpec* spec = model.FindInput(name);
    InputTensor input;
    input.name = name;
    input.datatype = value.datatype;
    input.shape =
        spec == nullptr ? value.shape : AdaptBatchDimension(spec->dims, batches, value.batch_size, value.shape);
    input.data = value.data;
    request->inputs.push_back(std::move(input));
  }
  if (batches) {
    const bool known = !request->inputs.empty() && !request->inputs[0].shape.empty();
    running->batch_size = known ? request->inputs[0].shape[0] : 1;
  }
  for (const TensorIndex tensor : step.taken) {
    values_[tensor].Use(iteration);
  }
}

void EnsembleRun::AddResponses(const std::vector<ValueId>& added) {
  std::vector<std::size_t> iterations;
  for (const auto& [tensor, iteration] : added) {
    const bool seen = std::find(iterations.begin(), iterations.end(), iteration) != iterations.end();
    const bool is_output =
        std::any_of(plan_->requested.begin(), plan_->requested.end(),
                    [&, tensor = tensor](auto output) { return graph_->outputs()[output].tensor == tensor; });
    if (!seen && is_output && IsAnswered(iteration)) {
      iterations.push_back(iteration);
    }
  }
  for (const std::size_t iteration : iterations) {
    InferenceResponse response = MakeResponse(iteration);
    if (graph_->decoupled()) {
      replies_.push_back(Reply::Send(std::move(response), false));
    } else if (!held_.has_value()) {
      held_ = std::move(response);
    }
    responded_ = true;
  }
}

bool EnsembleRun::IsAnswered(std::size_t iteration) const {
  return std::all_of(plan_->requested.begin(), plan_->requested.end(), [&](std::size_t output) REQUIRES(mu_) {
    return iteration < values_[graph_->outputs()[output].tensor].end();
  });
}

InferenceResponse EnsembleRun::MakeResponse(std::size_t iteration) {
  InferenceResponse response;
  for (const std::size_t index : plan_->requested) {
    const EnsembleOutput& output = graph_->outputs()[index];
    const Value& value = values_[output.tensor][iteration];
    if (value.present) {
      const Shape shape = AdaptBatchDimension(output.dims, graph_->batches(), value.batch_size, value.shape);
      response.outputs.push_back(
          {output.name, value.datatype, ClientShape(output.spec, graph_->batches(), shape), value.data});
      if (value.marked.has_value() && value.data.size != 0) {  // Triton has no mark of empty tensors.
        WriteSequenceMark(*value.marked, &response.parameters);
      }
    } else if (VerboseLog(1)) {
      LogVerbose(1, RequestPrefix(*request_) + "Composing models did not output tensor " + output.name);
    }
    values_[output.tensor].Use(iteration);
  }
  return response;
}

void EnsembleRun::Conclude() {
  if (status_.ok() && !responded_ && !graph_->decoupled()) {
    status_ = InvalidArgument(RequestPrefix(*request_) +
                              "unexpected deadlock, at least one output is not set while no more ensemble steps can be "
                              "made");
  }
  if (!status_.ok()) {
    replies_.push_back(Reply::Fail({status_.code(), "in ensemble '" + graph_->name() + "', " + status_.message()}));
  } else if (held_.has_value()) {
    replies_.push_back(Reply::Send(*std::move(held_), true));
  } else if (!replies_.empty() && !replies_.back().last) {
    replies_.back().last = true;  // Not handed over yet: no need for an end of its own.
  } else {
    replies_.push_back(Reply::Finish());
  }
}

void EnsembleRun::StartSteps(std::vector<ReadyStep> steps) {
  for (ReadyStep& step : steps) {
    // In a shared_ptr: what is pushed has to be copyable.
    auto shared = std::make_shared<ReadyStep>(std::move(step));
    StepLine::Push([run = shared_from_this(), shared](EnqueueHint hint) { run->StartStep(std::move(*shared), hint); });
  }
}

void EnsembleRun::StartStep(ReadyStep step, EnqueueHint hint) {
  if (surroundings_.limiter == nullptr) {
    RunStep(std::move(step), hint);
    return;
  }
  auto shared = std::make_shared<ReadyStep>(std::move(step));
  const bool entered = surroundings_.limiter->Enter(
      shared->step, [run = shared_from_this(), shared] { run->RunStep(std::move(*shared), EnqueueHint{}); });
  if (entered) {
    RunStep(std::move(*shared), hint);
  }
}

void EnsembleRun::RunStep(ReadyStep step, EnqueueHint hint) {
  if (surroundings_.limiter != nullptr) {
    MutexLock lock(mu_);
    if (!status_.ok()) {
      return;  // Another step has failed while this one waited; its responder ends it.
    }
  }
  surroundings_.router->Start(models_[step.step], std::move(step.request), hint);
}

void EnsembleRun::DeliverReplies() {
  std::vector<Reply> replies;
  for (bool first = true;; first = false) {
    {
      MutexLock lock(mu_);
      if ((first && delivering_) || replies_.empty()) {
        delivering_ = delivering_ && first;
        return;
      }
      delivering_ = true;
      replies.clear();
      replies.swap(replies_);
    }
    for (Reply& reply : replies) {
      if (reply.last) {
        DeliverLast(std::move(reply));
        return;  // Nothing comes after the last reply.
      }
      std::move(reply).Deliver(*request_->responder);
    }
  }
}

void EnsembleRun::DeliverLast(Reply reply) {
  if (reply.kind != Reply::Kind::kFail) {
    StampEnd();
  }
  std::move(reply).Deliver(*request_->responder);
  request_.reset();
  on_end_();
}

void EnsembleRun::AddDurations(const Timestamps& step) {
  if (step.compute_start == 0 || step.compute_input_end < step.compute_start ||
      step.compute_output_start < step.compute_input_end) {
    return;  // It was answered from a cache, or did not get to run.
  }
  durations_.input += step.compute_input_end - step.compute_start;
  durations_.infer += step.compute_output_start - step.compute_input_end;
  durations_.output += NowNanoseconds() - step.compute_output_start;
}

void EnsembleRun::StampEnd() {
  MutexLock lock(mu_);
  Timestamps& times = request_->times;
  times.compute_input_end = times.compute_start + durations_.input;
  times.compute_output_start = times.compute_input_end + durations_.infer;
  times.compute_end = times.compute_output_start + durations_.output;
  request_->execution_batch_size = request_->batch_size;
}

}  // namespace triton_lite
