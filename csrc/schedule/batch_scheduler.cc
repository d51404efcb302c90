#include "schedule/batch_scheduler.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>

#include "schedule/refusal.h"

namespace triton_lite {
namespace {

// The default scheduler is a batcher with nothing set.
DynamicBatchingSpec Batching(const ModelSpec& spec) {
  const auto* batching = std::get_if<DynamicBatchingSpec>(&spec.scheduler);
  return batching != nullptr ? *batching : DynamicBatchingSpec{};
}

bool MayReject(const QueuePolicySpec& policy) {
  return policy.timeout_action == TimeoutAction::kReject && policy.default_timeout_microseconds != 0;
}

bool MayReject(const DynamicBatchingSpec& batching) {
  const auto& policies = batching.priority_queue_policy;
  return MayReject(batching.default_queue_policy) ||
         std::any_of(policies.begin(), policies.end(), [](const auto& policy) { return MayReject(policy.second); });
}

std::size_t HoldUntil(const ModelSpec& spec) {
  const char* const count = std::getenv("TRITONSERVER_DELAY_SCHEDULER");
  const bool batches = std::holds_alternative<DynamicBatchingSpec>(spec.scheduler);
  return count != nullptr && batches ? static_cast<std::size_t>(std::max(0, std::atoi(count))) : 0;
}

}  // namespace

BatchScheduler::BatchScheduler(const ModelSpec& spec, Instances instances, std::uint64_t quick_nanoseconds, Seats seats)
    : policy_(MakeBatchPolicy(spec)),
      preserve_ordering_(Batching(spec).preserve_ordering),
      starts_(!instances.empty() && instances.front()->starts()),
      may_reject_(MayReject(Batching(spec))),
      queue_(Batching(spec)),
      pool_(std::move(instances), std::move(seats)),
      execution_time_(quick_nanoseconds),
      hold_until_(HoldUntil(spec)) {
  pool_.OnTurn([this] { return OnTurn(); });
}

BatchScheduler::~BatchScheduler() {
  relay_->Detach();
  Drain();
  pool_.CloseSeats();
}

void BatchScheduler::Enqueue(RequestPtr request, EnqueueHint hint) {
  // The request may be over, and its model drained and let go by everybody else, before this returns.
  const std::shared_ptr<const void> model = request->model;
  const std::shared_ptr<CancelToken> cancel = request->cancel;
  request->times.queue_start = NowNanoseconds();
  Taken taken;
  {
    MutexLock lock(mu_);
    if (!draining_) {
      taken = TakeIn(&request, hint);
    }
  }
  RateLimiter::Announce(std::move(taken.turns));
  if (taken.start) {
    StartThreads();
  } else if (taken.wake != nullptr) {
    taken.wake->Wake();
  } else if (taken.instance != nullptr) {
    RunInline(std::move(request), taken.instance);
  } else if (request != nullptr) {  // Neither queued nor run.
    Refuse(*request, FailureReason::kUncounted,
           taken.full ? RefusedByFullQueue(*request) : RefusedWhileStopping(*request));
  }
  if (taken.queued) {
    cancel->Listen(relay_);
  }
}

BatchScheduler::Taken BatchScheduler::TakeIn(RequestPtr* request, EnqueueHint hint) {
  Taken taken;
  if (hint.may_run_inline && MayRunInline(*request)) {
    ++pending_;
    taken.instance = pool_.TakeIdle();
    return taken;
  }
  taken.full = !queue_.Push(request);
  if (taken.full) {
    return taken;
  }
  taken.queued = true;
  ++pending_;
  hold_until_ = held() ? hold_until_ : 0;
  StandInLine(&taken.turns);
  taken.wake = ThreadToWake();
  taken.start = !std::exchange(started_, true);
  const std::uint64_t rejection = may_reject_ ? queue_.next_rejection() : 0;
  if (rejection != 0 && (expiry_watched_ == 0 || rejection < expiry_watched_)) {
    expiry_wake_.NotifyOne();
  }
  return taken;
}

std::vector<std::size_t> BatchScheduler::Update(InstanceChange change) {
  for (const RateLimiter::SeatPtr& seat : change.seats) {
    seat->OnTurn([this] { return OnTurn(); });
  }
  change.seats.resize(change.added.size());
  std::vector<std::size_t> numbers;
  RateLimiter::Turns turns;
  InstanceThread* wake = nullptr;
  bool start = false;
  {
    MutexLock lock(mu_);
    for (std::size_t i = 0; i < change.added.size(); ++i) {
      numbers.push_back(pool_.Add(std::move(change.added[i]), std::move(change.seats[i])));
    }
    for (const std::size_t number : change.removed) {
      pool_.Remove(number, change.end, &turns);
    }
    StandInLine(&turns);
    wake = ThreadToWake();
    start = started_;
  }
  RateLimiter::Announce(std::move(turns));
  if (wake != nullptr) {
    wake->Wake();
  }
  if (start) {
    StartThreads();
  }
  return numbers;
}

std::size_t BatchScheduler::pending() const {
  MutexLock lock(mu_);
  return pending_;
}

std::size_t BatchScheduler::waiting() const {
  MutexLock lock(mu_);
  return queue_.size();
}

bool BatchScheduler::TakeWork(Work* work) {
  work->look_again_at = 0;
  if (pool_.limited()) {
    work->look_again_at = held() ? 0 : Decide().look_again_at;
    StandInLine(&work->turns);
  }
  if (!pool_.has_idle() || held()) {
    return false;
  }
  if (queue_.has_deadlines()) {
    queue_.Expire(NowNanoseconds(), &work->refused.expired);
  }
  BatchDecision decision = Decide();
  while (queue_.TakeCancelled(decision.count, &work->refused.cancelled)) {
    decision = Decide();
  }
  work->look_again_at = decision.look_again_at;
  if (const std::uint64_t deadline = queue_.next_deadline(); decision.count == 0 && deadline != 0) {
    work->look_again_at = std::min(decision.look_again_at, deadline + 1);  // Others may form a batch then.
  }
  if (decision.count > 0) {
    queue_.Take(decision.count, &work->batch);
    work->instance = work->held = pool_.TakeIdle();
    if (!starts_) {
      running_.push_back(work);
    }
    for (const RequestPtr& request : work->batch) {
      work->view.push_back(request.get());
      work->tokens.push_back(request->cancel);
      if (preserve_ordering_) {
        order_.Admit(*request);
      }
    }
  }
  StandInLine(&work->turns);
  work->taken = work->batch.size() + work->refused.size();
  work->wake = work->taken > 0 ? ThreadToWake() : nullptr;
  return work->taken > 0;
}

void BatchScheduler::FinishWork(Work* work) {
  if (work->instance != nullptr) {
    if (std::exchange(work->interrupted, false)) {
      work->instance->EndInterrupt();
    }
    pool_.GiveBack(work->instance, pool_.limited() ? WaitingBatches() : 0, &work->turns);
    execution_time_.Add(work->execution_nanoseconds);
    work->instance = nullptr;
    work->tokens.clear();
    std::erase(running_, work);
  }
  if (BackendInstance* const started = std::exchange(work->started, nullptr)) {
    pool_.Share(started, BatchesAtOnce(*started));
  }
  if (BackendInstance* const held = std::exchange(work->held, nullptr)) {
    pool_.LetGo(held);
  }
  Leave(std::exchange(work->taken, 0));
}

std::size_t BatchScheduler::BatchesAtOnce(const BackendInstance& instance) const {
  // A process that waits for its next batch has to be woken for it. Where that takes longer than the batch, some more
  // wait with it; not where they might have grown meanwhile, or another instance might become free.
  constexpr std::size_t kWithIt = 4;
  constexpr std::uint64_t kShort = 1'000'000;
  const bool may_wait = instance.queues() && !policy_.dynamic && execution_time_.IsBelow(kShort);
  const std::size_t ahead = may_wait ? kWithIt : 1;
  return std::max(ahead, instance.concurrency());
}

bool BatchScheduler::TakeCancelled(Dropped* dropped) {
  MutexLock lock(mu_);
  const auto cancelled = [](const std::shared_ptr<CancelToken>& token) { return token->cancelled(); };
  for (Work* const work : running_) {
    if (std::all_of(work->tokens.begin(), work->tokens.end(), cancelled)) {
      work->interrupted = true;
      work->instance->Interrupt();
    }
  }
  if (!queue_.TakeCancelled(queue_.size(), &dropped->refused.cancelled)) {
    return false;
  }
  StandInLine(&dropped->turns);
  dropped->wake = ThreadToWake();  // Those behind them may be a batch now.
  return true;
}

void BatchScheduler::AnswerCancelled(Dropped* dropped) {
  if (dropped->wake != nullptr) {
    dropped->wake->Wake();
  }
  RateLimiter::Announce(std::move(dropped->turns));
  const std::size_t count = dropped->refused.size();
  dropped->refused.Answer();
  MutexLock lock(mu_);
  Leave(count);
}

void BatchScheduler::Leave(std::size_t count) {
  pending_ -= count;
  if (draining_ && pending_ == 0) {
    drained_.NotifyAll();
  }
}

void BatchScheduler::Refused::Answer() {
  for (const RequestPtr& request : cancelled) {
    Refuse(*request, FailureReason::kCanceled, Cancelled(""));
  }
  for (const RequestPtr& request : expired) {
    Refuse(*request, FailureReason::kRejected, RefusedAfterTimeout());
  }
  cancelled.clear();
  expired.clear();
}

RateLimiter::Turns BatchScheduler::OnTurn() {
  InstanceThread* wake = nullptr;
  RateLimiter::Turns turns;
  {
    MutexLock lock(mu_);
    pool_.AcceptTurns();
    StandInLine(&turns);
    wake = ThreadToWake();
  }
  if (wake != nullptr) {
    wake->Wake();
  }
  return turns;
}

void BatchScheduler::StandInLine(RateLimiter::Turns* turns) {
  if (pool_.limited()) {
    pool_.StandInLine(WaitingBatches(), turns);
  }
}

std::size_t BatchScheduler::WaitingBatches() const {
  if (held()) {
    return 0;
  }
  if (!policy_.dynamic) {
    return queue_.size();
  }
  const std::uint64_t full = queue_.elements() / policy_.max_batch_size;
  return Decide().count == 0 ? 0 : static_cast<std::size_t>(std::max<std::uint64_t>(1, full));
}

bool BatchScheduler::MayRunInline(const RequestPtr& request) const {
  return queue_.empty() && hold_until_ == 0 && pool_.has_unclaimed() && (starts_ || execution_time_.quick()) &&
         !request->cancel->cancelled() && IsSmall(*request) && IsBatchAlone(*request, policy_);
}

BatchDecision BatchScheduler::Decide() const {
  // The clock matters only to a batcher that waits.
  const bool timed = policy_.max_queue_delay_nanoseconds != 0 && !queue_.empty();
  return NextBatch(queue_, draining_ ? kFlush : timed ? NowNanoseconds() : 0, policy_);
}

InstanceThread* BatchScheduler::ThreadToWake() {
  if (queue_.empty() || held() || !(pool_.has_unclaimed() || pool_.lacks_watch())) {
    return nullptr;
  }
  // Each thread that is already waking will take a batch.
  const std::uint64_t waiting = policy_.dynamic ? queue_.elements() : queue_.size();
  const std::uint64_t claimed = pool_.waking() * static_cast<std::uint64_t>(policy_.max_batch_size);
  if (waiting <= claimed) {
    return nullptr;
  }
  // Who watches the clock has to know of an earlier deadline.
  if (policy_.max_queue_delay_nanoseconds != 0 && pool_.has_watch() && !queue_.has_deadlines() && Decide().count == 0) {
    return nullptr;
  }
  return pool_.Pick();
}

std::unique_ptr<Scheduler> MakeBatchScheduler(const ModelSpec& spec, Instances instances, Seats seats) {
  return std::make_unique<BatchScheduler>(spec, std::move(instances), ExecutionTime::kQuickNanoseconds,
                                          std::move(seats));
}

}  // namespace triton_lite
