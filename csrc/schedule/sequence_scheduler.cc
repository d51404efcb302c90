#include "schedule/sequence_scheduler.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>
#include <string>

#include "log/log.h"
#include "schedule/execute_and_wait.h"
#include "schedule/execution.h"
#include "schedule/refusal.h"

namespace triton_lite {
namespace {

const SequenceBatchingSpec& Batching(const ModelSpec& spec) { return std::get<SequenceBatchingSpec>(spec.scheduler); }

const OldestStrategySpec* Oldest(const ModelSpec& spec) {
  return std::get_if<OldestStrategySpec>(&Batching(spec).strategy);
}

// The dynamic batcher behind the oldest strategy; of the direct one what may share a batch.
BatchPolicy MakePolicy(ModelSpec spec, const SequenceInputs& inputs) {
  for (TensorSpec& input : inputs.AsInputs(Batching(spec))) {
    if (spec.FindInput(input.name) == nullptr) {
      spec.inputs.push_back(std::move(input));
    }
  }
  DynamicBatchingSpec dynamic;
  if (const OldestStrategySpec* const oldest = Oldest(spec)) {
    dynamic.preferred_batch_size = oldest->preferred_batch_size;
    dynamic.max_queue_delay_microseconds = oldest->max_queue_delay_microseconds;
  }
  spec.scheduler = std::move(dynamic);
  return MakeBatchPolicy(spec);
}

std::uint32_t SlotCount(const ModelSpec& spec) {
  const OldestStrategySpec* const oldest = Oldest(spec);
  return static_cast<std::uint32_t>(oldest != nullptr && oldest->max_candidate_sequences > 0
                                        ? oldest->max_candidate_sequences
                                        : std::max(1, spec.max_batch_size));
}

bool InSequence(const CorrelationId& id) {
  const auto* const number = std::get_if<std::uint64_t>(&id);
  return number != nullptr ? *number != 0 : !std::get<std::string>(id).empty();
}

std::string Text(const CorrelationId& id) {
  const auto* const number = std::get_if<std::uint64_t>(&id);
  return number != nullptr ? std::to_string(*number) : std::get<std::string>(id);
}

std::size_t CountFrom(const char* variable) {
  const char* const text = std::getenv(variable);
  return text == nullptr ? 0 : static_cast<std::size_t>(std::max(0, std::atoi(text)));
}

}  // namespace

SequenceHoldBack SequenceHoldBack::FromEnvironment() {
  return {CountFrom("TRITONSERVER_DELAY_SCHEDULER"), CountFrom("TRITONSERVER_BACKLOG_DELAY_SCHEDULER")};
}

SequenceScheduler::SequenceScheduler(const ModelSpec& spec, Instances instances, SequenceStates initial,
                                     SequenceHoldBack hold_back, std::uint64_t quick_nanoseconds, Seats seats)
    : model_name_(spec.name),
      batching_(Batching(spec)),
      slot_count_(SlotCount(spec)),
      quick_nanoseconds_(quick_nanoseconds),
      hold_back_(hold_back),
      direct_(Oldest(spec) == nullptr),
      iterative_(Batching(spec).iterative_sequence),
      // A request that runs again would wait for its own first run.
      preserve_ordering_(!direct_ && !iterative_ && Oldest(spec)->preserve_ordering),
      inputs_(spec, std::move(initial)),
      policy_(MakePolicy(spec, inputs_)),
      table_(Batching(spec).max_sequence_idle_microseconds),
      held_back_(hold_back.requests > 0) {
  ListenTo(seats);
  seats.resize(instances.size());
  MutexLock lock(mu_);
  for (std::size_t i = 0; i < instances.size(); ++i) {
    Runner& runner = *runners_[Place(std::move(instances[i]), std::move(seats[i]))];
    runner.held_back = held_back_;
  }
}

SequenceScheduler::~SequenceScheduler() {
  relay_->Detach();
  Drain();
  Seats seats;
  {
    MutexLock lock(mu_);
    for (const auto& runner : runners_) {
      if (runner->seat != nullptr) {
        seats.push_back(runner->seat);
      }
    }
    for (const auto& former : former_seats_) {
      if (RateLimiter::SeatPtr seat = former.lock()) {
        seats.push_back(std::move(seat));
      }
    }
  }
  for (const RateLimiter::SeatPtr& seat : seats) {
    seat->Close();
  }
}

void SequenceScheduler::ListenTo(const Seats& seats) {
  for (const RateLimiter::SeatPtr& seat : seats) {
    seat->OnTurn([this, one = seat.get()] { return OnTurn(one); });
  }
}

std::size_t SequenceScheduler::Place(std::unique_ptr<BackendInstance> instance, RateLimiter::SeatPtr seat) {
  const auto gone =
      std::find_if(runners_.begin(), runners_.end(), [](const auto& each) { return each->instance == nullptr; });
  const auto index = static_cast<std::uint32_t>(gone - runners_.begin());
  if (gone == runners_.end()) {
    runners_.push_back(std::make_unique<Runner>());
  }
  Runner& runner = *runners_[index];
  runner.instance = std::move(instance);
  runner.execution_time = ExecutionTime(quick_nanoseconds_);
  runner.in_line = false;
  runner.seat = std::move(seat);
  const SequenceBatcher::Shared shared{&inputs_, &policy_, &table_};
  const auto* const direct = std::get_if<DirectStrategySpec>(&batching_.strategy);
  runner.batcher = direct != nullptr ? MakeDirectBatcher(shared, index, slot_count_, *direct)
                                     : MakeOldestBatcher(shared, index, slot_count_);
  runner.batcher->Open();
  return index;
}

std::vector<std::size_t> SequenceScheduler::Update(InstanceChange change) {
  ListenTo(change.seats);
  change.seats.resize(change.added.size());
  std::vector<std::size_t> numbers;
  RateLimiter::Turns turns;
  bool start = false;
  {
    MutexLock lock(mu_);
    for (std::size_t i = 0; i < change.added.size(); ++i) {
      numbers.push_back(Place(std::move(change.added[i]), std::move(change.seats[i])));
    }
    for (const std::size_t number : change.removed) {
      Runner& runner = *runners_[number];
      runner.end = change.end;
      runner.held_back = false;
      runner.batcher->Close();
      EndIfUnused(runner, &turns);
    }
    WakeAll();  // Sequences of the backlog may have a place now.
    start = started_;
  }
  RateLimiter::Announce(std::move(turns));
  if (start) {
    StartThreads();
  }
  return numbers;
}

void SequenceScheduler::EndIfUnused(Runner& runner, RateLimiter::Turns* turns) {
  if (runner.end == nullptr || runner.running || !runner.batcher->idle()) {
    return;
  }
  if (runner.seat != nullptr) {
    RateLimiter::Append(runner.seat->Withdraw(), turns);
    std::erase_if(former_seats_, [](const auto& seat) { return seat.expired(); });
    former_seats_.push_back(runner.seat);
  }
  runner.in_line = false;
  std::exchange(runner.end, nullptr)(std::move(runner.instance), std::move(runner.seat));
}

std::size_t SequenceScheduler::pending() const {
  MutexLock lock(mu_);
  return pending_;
}

std::size_t SequenceScheduler::waiting() const {
  MutexLock lock(mu_);
  std::size_t waiting = table_.backlog_requests();
  for (const auto& runner : runners_) {
    waiting += runner->batcher->unstarted();
  }
  return waiting;
}

void SequenceScheduler::Enqueue(RequestPtr request, EnqueueHint hint) {
  // The request may be over, and its model drained and let go by everybody else, before this returns.
  const std::shared_ptr<const void> model = request->model;
  const std::shared_ptr<CancelToken> cancel = request->cancel;
  const InferenceRequest* const brought = request.get();
  request->times.queue_start = NowNanoseconds();
  const bool may_run_inline = hint.may_run_inline && IsSmall(*request);
  Status status = Check(*request);
  Work work;
  Runner* runner = nullptr;
  CondVar* wake = nullptr;
  bool start = false;
  bool wake_reaper = false;
  std::string warning;
  if (status.ok()) {
    MutexLock lock(mu_);
    status = Admit(request, &runner, &warning);
    if (status.ok()) {
      ++pending_;
      start = !std::exchange(started_, true);
      AfterAdmission(runner, may_run_inline, &work, &wake);
      wake_reaper = table_.next_deadline() < reaper_looks_at_;
      reaper_looks_at_ = wake_reaper ? 0 : reaper_looks_at_;
    }
  }
  if (!warning.empty()) {
    LogWarning(warning);
  }
  if (!status.ok()) {
    Refuse(*request, FailureReason::kUncounted, std::move(status));
    return;
  }
  if (start) {
    StartThreads();
  }
  if (wake_reaper) {
    reaper_wake_.NotifyOne();
  }
  if (wake != nullptr) {
    wake->NotifyOne();
  }
  // One that runs at once waits later only if it runs again.
  const std::vector<RequestPtr>& runs = work.batch.requests;
  if (iterative_ || std::none_of(runs.begin(), runs.end(), [&](const auto& each) { return each.get() == brought; })) {
    cancel->Listen(relay_);
  }
  if (work.ran) {
    RunInline(*runner, std::move(work));
  } else if (!work.cancelled.empty() || !work.turns.empty()) {
    AnswerUnrun(&work);
    MutexLock lock(mu_);
    CountEnded(&work);
  }
}

Status SequenceScheduler::Check(InferenceRequest& request) const {
  if (request.batch_size > 1) {
    return InvalidArgument("inference request to model '" + model_name_ +
                           "' must specify batch-size 1 due to requirements of sequence batcher");
  }
  if (!iterative_ && !InSequence(request.correlation_id)) {
    return InvalidArgument("inference request to model '" + model_name_ +
                           "' must specify a non-zero or non-empty correlation ID");
  }
  return {};
}

Status SequenceScheduler::Admit(RequestPtr& request, Runner** runner, std::string* warning) {
  if (!InSequence(request->correlation_id)) {
    request->correlation_id = next_id_++;
    request->flags = kSequenceStart;
  }
  const bool starts = (request->flags & kSequenceStart) != 0;
  Sequence* const sequence = table_.Find(request->correlation_id);
  if (stopped_ || (draining_ && (starts || sequence == nullptr))) {
    return Unavailable("Server is stopping, scheduler for model has stopped accepting new inference requests");
  }
  if (!starts && sequence == nullptr) {
    return InvalidArgument("inference request for sequence " + Text(request->correlation_id) + " to model '" +
                           model_name_ + "' must specify the START flag on the first request of the sequence");
  }
  if (starts && sequence != nullptr) {
    *warning = "sequence " + Text(request->correlation_id) + " for model '" + model_name_ +
               "' has a conflict. The previous sequence did not end before this sequence start. Previous sequence will "
               "be terminated early.";
  }
  const auto up = [this](std::uint32_t batcher) REQUIRES(mu_) { return !runners_[batcher]->instance->down(); };
  const SequenceTable::Destination to = table_.Take(request, sequence, request->times.queue_start, up);
  if (to.place) {
    *runner = runners_[to.place->batcher].get();
    (*runner)->batcher->Push(to.place->slot, std::move(request), to.sequence);
  }
  return {};
}

void SequenceScheduler::AfterAdmission(Runner* runner, bool may_run_inline, Work* work, CondVar** wake) {
  if (held_back_) {
    WakeAll();  // Every request may be the one that all wait for.
    return;
  }
  if (runner != nullptr && runner->running) {
    TakeCancelled(*runner, work);  // Nobody would answer them before the batch has run.
  }
  if (runner == nullptr || runner->running || !runner->asleep || runner->woken) {
    return;  // Whoever runs there looks for more.
  }
  if (may_run_inline && !runner->instance->starts() && runner->batcher->waiting() == 1 &&
      runner->execution_time.quick()) {
    work->ran = TakeWork(*runner, work);
  }
  if (!work->ran && ShouldWake(*runner)) {
    *wake = Wake(*runner);
  }
}

bool SequenceScheduler::ShouldWake(const Runner& runner) {
  if (runner.running || !runner.asleep || runner.woken || (runner.in_line && runner.batcher->cancelled().empty())) {
    return false;
  }
  const bool unwatched = runner.sleeps_until == 0 && runner.batcher->waiting() > 0;
  return unwatched || runner.batcher->HasWork(NowNanoseconds());
}

bool SequenceScheduler::MayStart(Runner& runner) {
  if (!held_back_ || draining_) {
    return true;
  }
  if (direct_) {
    std::size_t waiting = 0;
    for (const auto& each : runners_) {
      waiting += each->batcher->waiting();
    }
    held_back_ = waiting < hold_back_.requests || table_.backlog_requests() < hold_back_.backlog;
    if (!held_back_) {
      WakeAll();
    }
    return !held_back_;
  }
  runner.held_back = runner.held_back && runner.batcher->waiting() < hold_back_.requests;
  held_back_ = std::any_of(runners_.begin(), runners_.end(), [](const auto& each) { return each->held_back; });
  return !runner.held_back;
}

bool SequenceScheduler::TakeWork(Runner& runner, Work* work) {
  work->batch.look_again_at = 0;
  if (runner.instance == nullptr || runner.running || !MayStart(runner)) {
    return false;
  }
  const std::uint64_t now = NowNanoseconds();
  const bool took = HasTurn(runner, now, work) && runner.batcher->TakeBatch(now, draining_, &work->batch);
  TakeCancelled(runner, work);
  if (!took) {
    if (runner.seat != nullptr && runner.seat->has_turn()) {
      RateLimiter::Append(runner.seat->Withdraw(), &work->turns);
    }
    EndIfUnused(runner, &work->turns);
    return !work->cancelled.empty();
  }
  runner.running = true;
  for (const RequestPtr& request : work->batch.requests) {
    work->taken.push_back({request->sequence_slot, (request->flags & kSequenceEnd) != 0, false});
    if (preserve_ordering_) {
      runner.order.Admit(*request);
    }
  }
  return true;
}

bool SequenceScheduler::HasTurn(Runner& runner, std::uint64_t now, Work* work) {
  if (runner.seat == nullptr) {
    return true;
  }
  if (runner.batcher->HasWork(draining_ ? kFlush : now)) {
    const bool has_turn = runner.seat->Ask();
    runner.in_line = !has_turn;
    return has_turn;
  }
  work->batch.look_again_at = runner.batcher->due(now);
  runner.in_line = false;
  RateLimiter::Append(runner.seat->Withdraw(), &work->turns);
  return false;
}

// Its thread is woken whether or not there still is something to run: the turn is to be used or given back.
RateLimiter::Turns SequenceScheduler::OnTurn(const RateLimiter::Seat* seat) {
  MutexLock lock(mu_);
  const auto of_seat = [seat](const auto& runner) { return runner->seat.get() == seat; };
  const auto found = std::find_if(runners_.begin(), runners_.end(), of_seat);
  if (found == runners_.end()) {
    return {};  // It has left.
  }
  Runner& runner = **found;
  runner.in_line = false;
  if (runner.asleep && !runner.woken) {
    Wake(runner)->NotifyOne();
  }
  return {};
}

void SequenceScheduler::TakeCancelled(Runner& runner, Work* work) {
  work->cancelled.swap(runner.batcher->cancelled());
  work->ended += work->cancelled.size();
}

bool SequenceScheduler::TakeCancelled(Work* dropped) {
  MutexLock lock(mu_);
  table_.TakeCancelled(&dropped->cancelled);
  for (const auto& runner : runners_) {
    runner->batcher->TakeCancelled(&dropped->cancelled);
    std::vector<RequestPtr>& with_sequences = runner->batcher->cancelled();
    std::move(with_sequences.begin(), with_sequences.end(), std::back_inserter(dropped->cancelled));
    with_sequences.clear();
    EndIfUnused(*runner, &dropped->turns);
    if (ShouldWake(*runner)) {
      Wake(*runner)->NotifyOne();
    }
  }
  dropped->ended = dropped->cancelled.size();
  return dropped->ended > 0 || !dropped->turns.empty();
}

void SequenceScheduler::AnswerCancelled(Work* dropped) {
  AnswerUnrun(dropped);
  MutexLock lock(mu_);
  CountEnded(dropped);
  EndIdleForBacklog();
}

void SequenceScheduler::Execute(Runner& runner, Work* work) {
  SequenceBatch& batch = work->batch;
  const std::uint64_t start = StampExecution(batch.view, *batch.requests.front());
  ExecuteAndWait(*runner.instance, batch.view, &batch.requests);
  work->execution_nanoseconds = NowNanoseconds() - start;
  for (std::size_t i = 0; i < batch.requests.size(); ++i) {
    RequestPtr& request = batch.requests[i];
    if (request == nullptr) {  // Goes on after its batch.
      ++work->ended;
      continue;
    }
    request->states = nullptr;
    if (std::exchange(request->reschedule, false)) {
      work->taken[i].again = true;
      if (iterative_) {
        request->responder->OnReschedule();
      }
      work->again.push_back(std::move(request));
    } else {
      request->responder->Retain(request);
      request.reset();
      ++work->ended;
    }
  }
  batch.requests.clear();
  batch.null.reset();
  batch.view.clear();
}

void SequenceScheduler::FinishWork(Runner& runner, Work* work) {
  if (!work->taken.empty()) {
    runner.running = false;
    runner.execution_time.Add(work->execution_nanoseconds);
    for (const Work::Taken& taken : work->taken) {
      runner.batcher->Finish(taken.slot, iterative_ && !taken.ends && !taken.again);
    }
    work->taken.clear();
    RunAgain(work);
    if (runner.seat != nullptr) {
      const bool again = runner.batcher->HasWork(draining_ ? kFlush : NowNanoseconds());
      RateLimiter::Append(runner.seat->Finish(again), &work->turns);
      runner.in_line = again && !runner.seat->has_turn();
    }
    EndIfUnused(runner, &work->turns);
  }
  CountEnded(work);
  EndIdleForBacklog();
}

// Nothing more is said by sequences that have no request here: those of the backlog must get their turn.
void SequenceScheduler::EndIdleForBacklog() {
  if (draining_ && table_.backlog_requests() > 0) {
    for (const auto& runner : runners_) {
      runner->batcher->EndIdle();
    }
    WakeAll();
  }
}

void SequenceScheduler::RunAgain(Work* work) {
  for (RequestPtr& request : work->again) {
    Status status = RefusedToRunAgain();
    if (iterative_) {
      inputs_.RemoveFrom(*request);
      request->flags = 0;
      request->times.queue_start = NowNanoseconds();
      Runner* runner = nullptr;
      std::string warning;  // Stays empty: it does not start.
      status = Admit(request, &runner, &warning);
      if (runner != nullptr) {
        WakeAll();
      }
    }
    if (!status.ok()) {
      work->refused.emplace_back(std::move(request), std::move(status));
      ++work->ended;
    }
  }
  work->again.clear();
}

void SequenceScheduler::CountEnded(Work* work) {
  // What was refused is not answered yet.
  pending_ -= work->ended - work->refused.size();
  work->ended = work->refused.size();
  if (draining_ && pending_ == 0) {
    drained_.NotifyAll();
  }
}

void SequenceScheduler::AnswerUnrun(Work* work) {
  RateLimiter::Announce(std::exchange(work->turns, {}));
  // One that has run before may have its place in the order of replies, and its reply has to wait for that.
  for (RequestPtr& request : work->cancelled) {
    Refuse(*request, FailureReason::kCanceled, Cancelled(""));
    request->responder->Retain(request);
  }
  work->cancelled.clear();
  for (auto& [request, status] : work->refused) {
    Refuse(*request, FailureReason::kRejected, std::move(status));
    request->responder->Retain(request);
  }
  work->refused.clear();
}

std::unique_ptr<Scheduler> MakeSequenceScheduler(const ModelSpec& spec, Instances instances, SequenceStates initial,
                                                 Seats seats) {
  return std::make_unique<SequenceScheduler>(spec, std::move(instances), std::move(initial),
                                             SequenceHoldBack::FromEnvironment(), ExecutionTime::kQuickNanoseconds,
                                             std::move(seats));
}

}  // namespace triton_lite
