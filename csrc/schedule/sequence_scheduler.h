// The sequence batcher: requests of a sequence run one after the other, always on the same instance.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/mutex.h"
#include "schedule/batch_policy.h"
#include "schedule/cancel_relay.h"
#include "schedule/instance_pool.h"
#include "schedule/quick_run.h"
#include "schedule/reply_order.h"
#include "schedule/scheduler.h"
#include "schedule/sequence_batcher.h"
#include "schedule/sequence_inputs.h"
#include "schedule/sequence_table.h"

namespace triton_lite {

// For tests: nothing runs before so many requests wait (TRITONSERVER_DELAY_SCHEDULER), and so many more in the backlog
// (TRITONSERVER_BACKLOG_DELAY_SCHEDULER).
struct SequenceHoldBack {
  std::size_t requests = 0;
  std::size_t backlog = 0;

  static SequenceHoldBack FromEnvironment();
};

class SequenceScheduler : public Scheduler {
 public:
  // `spec` has a SequenceBatchingSpec; `initial`: of each of its states. `seats`: of instances that are limited.
  SequenceScheduler(const ModelSpec& spec, Instances instances, SequenceStates initial, SequenceHoldBack hold_back,
                    std::uint64_t quick_nanoseconds = ExecutionTime::kQuickNanoseconds, Seats seats = {});
  ~SequenceScheduler() override;

  void Enqueue(RequestPtr request, EnqueueHint hint) override EXCLUDES(mu_);
  void Drain() override EXCLUDES(mu_);
  std::vector<std::size_t> Update(InstanceChange change) override EXCLUDES(mu_);
  std::size_t pending() const override EXCLUDES(mu_);
  std::size_t waiting() const override EXCLUDES(mu_);

 private:
  // An instance, its sequences and the thread that runs them. One whose instance is gone is there for the next.
  struct Runner {
    std::unique_ptr<BackendInstance> instance;  // Null: it is gone.
    InstanceEnd end;                            // Set: it leaves, once its sequences are over.
    std::unique_ptr<SequenceBatcher> batcher;
    RateLimiter::SeatPtr seat;  // Null: it is not limited. With one it runs only while it has a turn.
    bool in_line = false;       // It waits for its turn, and is told of it.
    ReplyOrder order;
    CondVar wake;
    ExecutionTime execution_time;
    bool asleep = false;
    bool woken = false;              // Since it went to sleep.
    std::uint64_t sleeps_until = 0;  // 0: until it is woken.
    bool has_thread = false;         // Of whoever starts the threads.
    bool running = false;            // The instance runs a batch, on whatever thread.
    bool held_back = false;
  };

  // What a thread took under the lock, to be done without it.
  struct Work {
    struct Taken {
      std::uint32_t slot = 0;
      bool ends = false;  // With the END flag.
      bool again = false;
    };
    SequenceBatch batch;
    std::vector<Taken> taken;  // Of batch.requests.
    std::vector<RequestPtr> again;
    std::vector<RequestPtr> cancelled;
    std::vector<std::pair<RequestPtr, Status>> refused;
    std::size_t ended = 0;  // Requests that `pending_` counts still.
    std::uint64_t execution_nanoseconds = 0;
    bool ran = false;
    RateLimiter::Turns turns;  // Of others: to be announced without the lock.
  };

  using Relay = CancelRelay<SequenceScheduler, Work>;
  friend Relay;

  void ListenTo(const Seats& seats);
  // Gives an instance to the first runner that has none, or to a new one. Returns its number.
  std::size_t Place(std::unique_ptr<BackendInstance> instance, RateLimiter::SeatPtr seat) REQUIRES(mu_);
  // A runner that leaves, and has nothing more to run, is rid of its instance.
  void EndIfUnused(Runner& runner, RateLimiter::Turns* turns) REQUIRES(mu_);

  Status Check(InferenceRequest& request) const;
  // Gives the request its place, or says why it has none. `warning`: what is to be logged without the lock.
  Status Admit(RequestPtr& request, Runner** runner, std::string* warning) REQUIRES(mu_);
  // Takes work to be run on the calling thread, or says whom to wake for it.
  void AfterAdmission(Runner* runner, bool may_run_inline, Work* work, CondVar** wake) REQUIRES(mu_);
  bool TakeWork(Runner& runner, Work* work) REQUIRES(mu_);
  // Whether it may run now. What is limited stands in line for that while it has something to run.
  bool HasTurn(Runner& runner, std::uint64_t now, Work* work) REQUIRES(mu_);
  RateLimiter::Turns OnTurn(const RateLimiter::Seat* seat) EXCLUDES(mu_);
  // Those that were cancelled with their sequences.
  static void TakeCancelled(Runner& runner, Work* work);
  // All that were cancelled and wait, wherever they do; and whoever has something to do without them is woken.
  bool TakeCancelled(Work* dropped) EXCLUDES(mu_);
  void AnswerCancelled(Work* dropped) EXCLUDES(mu_);
  void FinishWork(Runner& runner, Work* work) REQUIRES(mu_);
  void RunAgain(Work* work) REQUIRES(mu_);
  // Counts what was answered since the last call.
  void CountEnded(Work* work) REQUIRES(mu_);
  void Execute(Runner& runner, Work* work) EXCLUDES(mu_);
  // Answers what is not run, and tells others of their turns.
  static void AnswerUnrun(Work* work);

  void StartThreads() EXCLUDES(mu_, join_mu_);
  // Those that no thread could be started for.
  std::vector<Runner*> TryStartThreads() EXCLUDES(mu_, join_mu_);
  void RunHere(Runner& runner) EXCLUDES(mu_);
  void RunThread(Runner& self) EXCLUDES(mu_);
  bool NextWork(Runner& self, Work* work) EXCLUDES(mu_);
  void RunInline(Runner& runner, Work work) EXCLUDES(mu_);
  void RunReaper() EXCLUDES(mu_);
  // Ends what was silent for too long; waits for the next time unless there are requests to be refused.
  bool Reap(Work* work) EXCLUDES(mu_);
  void EndIdleForBacklog() REQUIRES(mu_);

  bool MayStart(Runner& runner) REQUIRES(mu_);
  // Its thread should look at what waits.
  static bool ShouldWake(const Runner& runner);
  CondVar* Wake(Runner& runner) REQUIRES(mu_);
  void WakeAll() REQUIRES(mu_);

  const std::string model_name_;
  const SequenceBatchingSpec batching_;
  const std::uint32_t slot_count_;  // Of each instance.
  const std::uint64_t quick_nanoseconds_;
  const SequenceHoldBack hold_back_;
  const bool direct_;
  const bool iterative_;
  const bool preserve_ordering_;
  const SequenceInputs inputs_;
  const BatchPolicy policy_;
  const std::shared_ptr<Relay> relay_ = std::make_shared<Relay>(this);

  mutable Mutex mu_;
  CondVar drained_;
  CondVar reaper_wake_;
  SequenceTable table_ GUARDED_BY(mu_);
  std::vector<std::unique_ptr<Runner>> runners_ GUARDED_BY(mu_);
  // Of those that are gone: somebody may have them still.
  std::vector<std::weak_ptr<RateLimiter::Seat>> former_seats_ GUARDED_BY(mu_);
  std::uint64_t next_id_ GUARDED_BY(mu_) = 1;          // Of iterative sequences without one.
  std::uint64_t reaper_looks_at_ GUARDED_BY(mu_) = 0;  // 0: it is awake, or not started.
  std::size_t pending_ GUARDED_BY(mu_) = 0;
  bool held_back_ GUARDED_BY(mu_) = false;
  bool draining_ GUARDED_BY(mu_) = false;
  bool stopped_ GUARDED_BY(mu_) = false;
  bool started_ GUARDED_BY(mu_) = false;

  Mutex join_mu_;
  std::vector<std::thread> threads_ GUARDED_BY(join_mu_);
};

}  // namespace triton_lite
