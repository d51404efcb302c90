// The default scheduler and the dynamic batcher: one queue, a policy that forms batches, instances that pull them.
#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "core/mutex.h"
#include "schedule/batch_policy.h"
#include "schedule/cancel_relay.h"
#include "schedule/instance_pool.h"
#include "schedule/quick_run.h"
#include "schedule/reply_order.h"
#include "schedule/request_queue.h"
#include "schedule/scheduler.h"

namespace triton_lite {

class BatchScheduler : public Scheduler {
 public:
  // `quick_nanoseconds`: requests may run on the thread that brings them where executions take less. `seats`: of
  // instances that are limited.
  BatchScheduler(const ModelSpec& spec, Instances instances,
                 std::uint64_t quick_nanoseconds = ExecutionTime::kQuickNanoseconds, Seats seats = {});
  ~BatchScheduler() override;

  void Enqueue(RequestPtr request, EnqueueHint hint) override EXCLUDES(mu_);
  void Drain() override EXCLUDES(mu_);
  std::vector<std::size_t> Update(InstanceChange change) override EXCLUDES(mu_);
  std::size_t pending() const override EXCLUDES(mu_);
  std::size_t waiting() const override EXCLUDES(mu_);

 private:
  // Requests that left the queue without being run: answered once the lock is let go.
  struct Refused {
    std::vector<RequestPtr> cancelled;
    std::vector<RequestPtr> expired;

    std::size_t size() const { return cancelled.size() + expired.size(); }
    void Answer();
  };

  // What was cancelled while it waited, on its way out.
  struct Dropped {
    Refused refused;
    RateLimiter::Turns turns;  // To be announced without the lock.
    InstanceThread* wake = nullptr;
  };
  using Relay = CancelRelay<BatchScheduler, Dropped>;
  friend Relay;

  // Work that a thread took from the queue, and what to do once the lock is let go.
  struct Work {
    BackendInstance* instance = nullptr;
    BackendInstance* started = nullptr;  // Runs the last batch elsewhere, and may be able to take more.
    BackendInstance* held = nullptr;     // Taken from the pool by this thread, which may be in it.
    std::vector<RequestPtr> batch;
    Refused refused;
    std::vector<InferenceRequest*> view;               // Of batch, for the backend.
    std::vector<std::shared_ptr<CancelToken>> tokens;  // Of batch.
    std::uint64_t execution_nanoseconds = 0;
    std::size_t taken = 0;  // Requests that `pending_` counts.
    bool interrupted = false;
    std::uint64_t look_again_at = 0;  // Nothing was taken: when that may change by itself, as in BatchDecision.
    InstanceThread* wake = nullptr;   // There is more to do than this thread can.
    RateLimiter::Turns turns;         // To be announced without the lock.
  };

  // At the first request: models that nobody asks need no threads, and there may be thousands of them. And when there
  // are more instances.
  void StartThreads() EXCLUDES(mu_, join_mu_);
  // False: there is none, and none can be started.
  bool TryStartThreads() EXCLUDES(mu_, join_mu_);
  void RefuseQueued() EXCLUDES(mu_);
  void RunThread(InstanceThread& self) EXCLUDES(mu_);
  // Gives back the instance of finished work and waits for more; false when the scheduler is drained.
  bool NextWork(InstanceThread& self, Work* work) EXCLUDES(mu_);
  bool TakeWork(Work* work) REQUIRES(mu_);
  // Answers what times out while no instance is free.
  void RunExpiry() EXCLUDES(mu_);
  // Waits for requests that time out; false when the scheduler is drained.
  bool NextExpired(Refused* refused, RateLimiter::Turns* turns) EXCLUDES(mu_);
  // Takes what was cancelled from the queue, and interrupts instances that run nothing else any more.
  bool TakeCancelled(Dropped* dropped) EXCLUDES(mu_);
  void AnswerCancelled(Dropped* dropped) EXCLUDES(mu_);
  void Leave(std::size_t count) REQUIRES(mu_);
  void WakeAll() REQUIRES(mu_);
  void FinishWork(Work* work) REQUIRES(mu_);
  void Run(Work* work) EXCLUDES(mu_);
  // Runs the requests `batch` of `view` on `instance` and lets go of them. Returns the nanoseconds that it took.
  std::uint64_t Execute(BackendInstance& instance, std::span<InferenceRequest* const> view, std::span<RequestPtr> batch)
      EXCLUDES(mu_);
  void RunInline(RequestPtr request, BackendInstance* instance) EXCLUDES(mu_);
  // Gives the batch to an instance that runs it elsewhere. What has to be done about it is not this thread's any more,
  // unless all of it ended at once.
  void Start(Work* work) EXCLUDES(mu_);
  // A batch that was started has run: the thread that tells goes on with what waits, unless others had better do that.
  void OnExecuted(Work work, std::vector<RequestPtr> batch) EXCLUDES(mu_);
  // Bringing its inputs takes long enough for another thread to do it meanwhile.
  bool NextIsLarge() const REQUIRES(mu_);
  void LetGo(std::span<RequestPtr> batch);
  // Batches that an instance may be given before it has run the first.
  std::size_t BatchesAtOnce(const BackendInstance& instance) const REQUIRES(mu_);

  // What becomes of a request that was brought, and what to do about it once the lock is let go.
  struct Taken {
    InstanceThread* wake = nullptr;
    BackendInstance* instance = nullptr;  // To run it on at once.
    bool start = false;                   // The threads are to be started.
    bool full = false;                    // Refused: its level has no place.
    bool queued = false;
    RateLimiter::Turns turns;  // To be announced without the lock.
  };
  Taken TakeIn(RequestPtr* request, EnqueueHint hint) REQUIRES(mu_);
  bool held() const REQUIRES(mu_) { return queue_.size() < hold_until_ && !draining_; }
  bool MayRunInline(const RequestPtr& request) const REQUIRES(mu_);
  // Limited models: somebody's turn has come.
  RateLimiter::Turns OnTurn() EXCLUDES(mu_);
  void StandInLine(RateLimiter::Turns* turns) REQUIRES(mu_);
  std::size_t WaitingBatches() const REQUIRES(mu_);

  BatchDecision Decide() const REQUIRES(mu_);
  InstanceThread* ThreadToWake() REQUIRES(mu_);

  const BatchPolicy policy_;
  const bool preserve_ordering_;
  const bool starts_;      // Instances run batches elsewhere.
  const bool may_reject_;  // Some request may time out and be rejected: a thread sees to that.
  ReplyOrder order_;
  const std::shared_ptr<Relay> relay_ = std::make_shared<Relay>(this);

  mutable Mutex mu_;
  CondVar drained_;
  RequestQueue queue_ GUARDED_BY(mu_);
  InstancePool pool_ GUARDED_BY(mu_);
  ExecutionTime execution_time_ GUARDED_BY(mu_);
  std::size_t pending_ GUARDED_BY(mu_) = 0;
  std::vector<Work*> running_ GUARDED_BY(mu_);  // On the scheduler's own threads.
  bool draining_ GUARDED_BY(mu_) = false;
  bool started_ GUARDED_BY(mu_) = false;  // Somebody starts the threads, or has.
  // Nothing is taken from the queue before so many requests wait, once (TRITONSERVER_DELAY_SCHEDULER). 0: no more.
  std::size_t hold_until_ GUARDED_BY(mu_);
  CondVar expiry_wake_;                               // A rejection is due sooner, or the end has come.
  std::uint64_t expiry_watched_ GUARDED_BY(mu_) = 0;  // When the expiry thread looks next; 0: when it is told.

  Mutex join_mu_;  // Drain may be called by several threads, and while the threads are started.
  std::vector<std::thread> threads_ GUARDED_BY(join_mu_);
  std::thread expiry_thread_ GUARDED_BY(join_mu_);
};

}  // namespace triton_lite
