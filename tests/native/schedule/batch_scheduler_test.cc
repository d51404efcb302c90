#include "schedule/batch_scheduler.h"

#include <algorithm>
#include <atomic>
#include <latch>
#include <map>
#include <thread>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::Batch;
using testing::Gate;
using testing::MakeInstances;
using testing::MakeRequest;
using testing::Record;
using testing::RecordedReply;

constexpr EnqueueHint kQueue{.may_run_inline = false};
constexpr EnqueueHint kInline{.may_run_inline = true};

ModelSpec Batching(std::int32_t max_batch_size, DynamicBatchingSpec batching = {}) {
  ModelSpec spec;
  spec.max_batch_size = max_batch_size;
  spec.scheduler.emplace<DynamicBatchingSpec>(std::move(batching));
  return spec;
}

DynamicBatchingSpec Delayed(std::uint64_t microseconds, std::vector<std::int32_t> preferred = {}) {
  DynamicBatchingSpec batching;
  batching.max_queue_delay_microseconds = microseconds;
  batching.preferred_batch_size = std::move(preferred);
  return batching;
}

DynamicBatchingSpec Ordered() {
  DynamicBatchingSpec batching;
  batching.preserve_ordering = true;
  return batching;
}

std::vector<std::string> Ids(Batch batch) {
  std::vector<std::string> ids;
  for (const InferenceRequest* request : batch) {
    ids.push_back(request->id);
  }
  return ids;
}

// An instance that holds its first batch until the gate opens, and remembers all batches.
struct HeldInstance {
  Gate entered;
  Gate leave;
  std::vector<std::vector<std::string>> batches;

  void operator()(Batch batch) {
    batches.push_back(Ids(batch));
    entered.Open();
    leave.Wait();
  }
};

TEST(GathersWhatCameWhileTheInstanceWasBusy) {
  Record record;
  HeldInstance held;
  const auto scheduler = MakeBatchScheduler(Batching(4), MakeInstances(1, std::ref(held)));
  scheduler->Enqueue(MakeRequest("first", &record), kQueue);
  held.entered.Wait();
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    scheduler->Enqueue(MakeRequest(id, &record), kQueue);
  }
  CHECK_EQ(scheduler->pending(), 6u);
  held.leave.Open();
  scheduler->Drain();
  const std::vector<std::vector<std::string>> want = {{"first"}, {"a", "b", "c", "d"}, {"e"}};
  CHECK(held.batches == want);
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(DefaultSchedulerDoesNotBatch) {
  Record record;
  HeldInstance held;
  ModelSpec spec;
  spec.max_batch_size = 4;
  const auto scheduler = MakeBatchScheduler(spec, MakeInstances(1, std::ref(held)));
  for (const char* id : {"a", "b", "c"}) {
    scheduler->Enqueue(MakeRequest(id, &record), kQueue);
  }
  held.leave.Open();
  scheduler->Drain();
  const std::vector<std::vector<std::string>> want = {{"a"}, {"b"}, {"c"}};
  CHECK(held.batches == want);
}

TEST(UsesAllInstancesAtOnce) {
  Record record;
  std::latch all_run(3);
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, MakeInstances(3, [&](Batch) { all_run.arrive_and_wait(); }));
  for (int i = 0; i < 3; ++i) {
    scheduler->Enqueue(MakeRequest("", &record), kQueue);
  }
  record.WaitFor(3);
}

TEST(ABatchThatIsFullDoesNotWaitForItsDelay) {
  Record record;
  const auto scheduler = MakeBatchScheduler(Batching(2, Delayed(1ull << 40)), MakeInstances(2, nullptr));
  scheduler->Enqueue(MakeRequest("a", &record), kQueue);
  scheduler->Enqueue(MakeRequest("b", &record), kQueue);
  record.WaitFor(2);
}

TEST(ABatchThatWaitsIsRunWhenItsDelayIsOver) {
  Record record;
  const auto scheduler = MakeBatchScheduler(Batching(8, Delayed(200)), MakeInstances(2, nullptr));
  for (std::size_t i = 1; i <= 20; ++i) {
    scheduler->Enqueue(MakeRequest("", &record), kQueue);
    record.WaitFor(i);
  }
}

TEST(DrainingRunsWhatWaitsForItsDelay) {
  Record record;
  const auto scheduler = MakeBatchScheduler(Batching(8, Delayed(1ull << 40)), MakeInstances(2, nullptr));
  scheduler->Enqueue(MakeRequest("a", &record), kQueue);
  scheduler->Drain();
  CHECK(record.requests() == std::vector<std::string>{"a"});
}

TEST(RefusesWhenDrained) {
  Record record;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, MakeInstances(1, nullptr));
  scheduler->Drain();
  scheduler->Enqueue(MakeRequest("7", &record), kInline);
  scheduler->Enqueue(MakeRequest("", &record), kQueue);
  const std::vector<RecordedReply> replies = record.replies();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].code == Code::kUnavailable);
  CHECK_EQ(replies[0].what,
           "[request id: 7] Server is stopping, scheduler for model has stopped accepting new inference requests");
  CHECK_EQ(replies[1].what,
           "[request id: <id_unknown>] Server is stopping, scheduler for model has stopped accepting new inference "
           "requests");
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(DropsCancelledRequestsFromTheQueue) {
  Record record;
  HeldInstance held;
  const auto scheduler = MakeBatchScheduler(Batching(4), MakeInstances(1, std::ref(held)));
  scheduler->Enqueue(MakeRequest("first", &record), kQueue);
  held.entered.Wait();
  std::vector<std::shared_ptr<CancelToken>> tokens;
  for (const char* id : {"a", "b", "c", "d", "e"}) {
    RequestPtr request = MakeRequest(id, &record);
    tokens.push_back(request->cancel);
    scheduler->Enqueue(std::move(request), kQueue);
  }
  tokens[0]->Cancel();
  tokens[2]->Cancel();
  held.leave.Open();
  scheduler->Drain();
  const std::vector<std::vector<std::string>> want = {{"first"}, {"b", "d", "e"}};
  CHECK(held.batches == want);
  for (const RecordedReply& reply : record.replies()) {
    const bool cancelled = reply.request == "a" || reply.request == "c";
    CHECK(reply.code == (cancelled ? Code::kCancelled : Code::kOk));
  }
  CHECK_EQ(record.replies().size(), 6u);
}

// An instance that runs until it is interrupted.
class EndlessInstance : public BackendInstance {
 public:
  explicit EndlessInstance(Gate* entered) : entered_(entered) {}
  void Execute(Batch batch) override {
    entered_->Open();
    interrupted_.Wait();
    for (InferenceRequest* const request : batch) {
      request->responder->Fail(Cancelled(""));
    }
  }
  void Interrupt() override { interrupted_.Open(); }

 private:
  Gate* const entered_;
  Gate interrupted_;
};

TEST(AnswersCancelledRequestsWhileTheInstanceIsBusy) {
  Record record;
  HeldInstance held;
  const auto scheduler = MakeBatchScheduler(Batching(1), MakeInstances(1, std::ref(held)));
  scheduler->Enqueue(MakeRequest("running", &record), kQueue);
  held.entered.Wait();
  RequestPtr request = MakeRequest("queued", &record);
  const std::shared_ptr<CancelToken> token = request->cancel;
  scheduler->Enqueue(std::move(request), kQueue);
  scheduler->Enqueue(MakeRequest("stays", &record), kQueue);
  token->Cancel();
  CHECK(record.requests() == std::vector<std::string>{"queued"});
  CHECK(record.replies()[0].code == Code::kCancelled);
  CHECK(scheduler->waiting() == 1);
  held.leave.Open();
  record.WaitFor(3);
}

TEST(InterruptsAnInstanceThatRunsForNobodyElse) {
  Record record;
  Gate entered;
  Instances instances;
  instances.push_back(std::make_unique<EndlessInstance>(&entered));
  DynamicBatchingSpec batching = Delayed(60'000'000);
  batching.preferred_batch_size = {2};
  const auto scheduler = MakeBatchScheduler(Batching(2, batching), std::move(instances));
  std::vector<std::shared_ptr<CancelToken>> tokens;
  for (const char* const name : {"a", "b"}) {
    RequestPtr request = MakeRequest(name, &record);
    tokens.push_back(request->cancel);
    scheduler->Enqueue(std::move(request), kQueue);
  }
  entered.Wait();
  tokens[0]->Cancel();
  CHECK(record.replies().empty());  // The other still wants its answer.
  tokens[1]->Cancel();
  record.WaitFor(2);
}

// Runs each batch until it is interrupted, or else let go; notes what it is told.
class NotingInstance : public BackendInstance {
 public:
  NotingInstance(std::vector<std::string>* notes, Gate* entered, Gate* leave)
      : notes_(notes), entered_(entered), leave_(leave) {}
  void Execute(Batch batch) override {
    notes_->push_back("execute " + batch[0]->id);
    entered_->Open();
    leave_->Wait();
    for (InferenceRequest* const request : batch) {
      request->responder->Send({}, true);
    }
  }
  void Interrupt() override { notes_->push_back("interrupt"); }
  void EndInterrupt() override { notes_->push_back("end"); }

 private:
  std::vector<std::string>* const notes_;
  Gate* const entered_;
  Gate* const leave_;
};

// However late an interruption comes, it is over when the next batch begins.
TEST(AnInterruptionHoldsForItsBatchAlone) {
  std::vector<std::string> notes;
  Record record;
  Gate entered;
  Gate leave;
  Instances instances;
  instances.push_back(std::make_unique<NotingInstance>(&notes, &entered, &leave));
  const auto scheduler = MakeBatchScheduler(Batching(1), std::move(instances));
  RequestPtr first = MakeRequest("first", &record);
  const std::shared_ptr<CancelToken> token = first->cancel;
  scheduler->Enqueue(std::move(first), kQueue);
  entered.Wait();
  scheduler->Enqueue(MakeRequest("second", &record), kQueue);
  token->Cancel();
  leave.Open();
  record.WaitFor(2);
  scheduler->Drain();
  CHECK(notes == (std::vector<std::string>{"execute first", "interrupt", "end", "execute second"}));
}

TEST(ATokenMayOutliveTheScheduler) {
  Record record;
  RequestPtr request = MakeRequest("a", &record);
  const std::shared_ptr<CancelToken> token = request->cancel;
  {
    const auto scheduler = MakeBatchScheduler(Batching(1), MakeInstances(1, nullptr));
    scheduler->Enqueue(std::move(request), kQueue);
    record.WaitFor(1);
  }
  token->Cancel();
  CHECK(record.replies().size() == 1);
}

TEST(AQueueOfCancelledRequestsIsAnsweredWithoutAnInstance) {
  Record record;
  std::atomic<int> executions = 0;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, MakeInstances(1, [&](Batch) { ++executions; }));
  RequestPtr request = MakeRequest("a", &record);
  request->cancel->Cancel();
  scheduler->Enqueue(std::move(request), kQueue);
  record.WaitFor(1);
  scheduler->Drain();
  CHECK_EQ(executions.load(), 0);
}

// However long this machine takes, its models count as quick.
std::unique_ptr<Scheduler> MakeQuick(const ModelSpec& spec, Instances instances) {
  return std::make_unique<BatchScheduler>(spec, std::move(instances), std::uint64_t{1} << 62);
}

// Until the model is known to be quick, requests go to the instance threads.
void WarmUp(Scheduler& scheduler, Record& record) {
  for (std::size_t i = 1; i <= 64; ++i) {
    scheduler.Enqueue(MakeRequest("warm", &record), kQueue);
    record.WaitFor(i);
  }
  while (scheduler.pending() > 0) {  // The last reply leaves before its instance is idle again.
    std::this_thread::yield();
  }
}

struct Threads {
  std::thread::id last;
  void operator()(Batch) { last = std::this_thread::get_id(); }
};

TEST(QuickModelsRunOnTheCallingThread) {
  Record record;
  Threads threads;
  const auto scheduler = MakeQuick(Batching(8), MakeInstances(1, std::ref(threads)));
  scheduler->Enqueue(MakeRequest("unknown", &record), kInline);
  record.WaitFor(1);
  CHECK(threads.last != std::this_thread::get_id());
  WarmUp(*scheduler, record);
  scheduler->Enqueue(MakeRequest("quick", &record), kInline);
  CHECK(threads.last == std::this_thread::get_id());
  CHECK_EQ(record.requests().back(), "quick");
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(LargeRequestsRunOnAnInstanceThread) {
  Record record;
  Threads threads;
  const auto scheduler = MakeQuick(Batching(8), MakeInstances(1, std::ref(threads)));
  WarmUp(*scheduler, record);
  RequestPtr request = MakeRequest("large", &record);
  testing::AddInput(*request, "IN", {64 * 1024});
  request->inputs[0].data.size = 64 * 1024;
  scheduler->Enqueue(std::move(request), kInline);
  scheduler->Drain();
  CHECK(threads.last != std::this_thread::get_id());
}

TEST(WhatWaitsForItsBatchDoesNotRunOnTheCallingThread) {
  Record record;
  Threads threads;
  const auto scheduler = MakeQuick(Batching(2, Delayed(50)), MakeInstances(1, std::ref(threads)));
  WarmUp(*scheduler, record);
  scheduler->Enqueue(MakeRequest("half", &record), kInline);
  scheduler->Drain();
  CHECK(threads.last != std::this_thread::get_id());
}

TEST(AnInlineRunLeavesNothingBehindInTheQueue) {
  Record record;
  Scheduler* self = nullptr;
  bool nested = false;
  // While it runs inline, another request comes: the only instance is busy, so it is queued and must be picked up.
  const auto body = [&](Batch batch) {
    if (batch[0]->id == "outer" && !nested) {
      nested = true;
      self->Enqueue(MakeRequest("inner", &record), kInline);
    }
  };
  const auto scheduler = MakeQuick(Batching(8), MakeInstances(1, body));
  self = scheduler.get();
  WarmUp(*scheduler, record);
  scheduler->Enqueue(MakeRequest("outer", &record), kInline);
  record.WaitFor(66);
  CHECK_EQ(record.requests().back(), "inner");
}

TEST(SlowModelsDoNotRunOnTheCallingThread) {
  ExecutionTime time;
  CHECK(!time.quick());
  for (int i = 0; i < 20; ++i) {
    time.Add(10'000);
  }
  CHECK(time.quick());
  time.Add(10'000'000);  // Its thread lost the core once.
  CHECK(time.quick());
  for (int i = 0; i < 20; ++i) {
    time.Add(200'000);
  }
  CHECK(!time.quick());
}

TEST(PreservesTheOrderOfRequests) {
  Record record;
  Gate release;
  const auto body = [&](Batch batch) {
    if (batch[0]->id == "0") {
      release.Wait();
    }
    if (batch[0]->id == "9") {
      release.Open();
    }
  };
  const auto scheduler = MakeBatchScheduler(Batching(1, Ordered()), MakeInstances(2, body));
  std::vector<std::string> want;
  for (int i = 0; i < 10; ++i) {
    want.push_back(std::to_string(i));
    scheduler->Enqueue(MakeRequest(want.back(), &record), kQueue);
  }
  scheduler->Drain();
  CHECK(record.requests() == want);
}

// Of each execution, the first request stands for the whole batch.
void CheckExecution(Batch batch) {
  std::uint32_t elements = 0;
  std::uint32_t counted = 0;
  for (const InferenceRequest* request : batch) {
    const Timestamps& times = request->times;
    CHECK(times.queue_start > 0 && times.queue_start <= times.compute_start);
    CHECK(request->failure_reason == FailureReason::kBackend);
    elements += request->batch_size;
    counted += request->execution_batch_size;
  }
  CHECK_EQ(batch[0]->execution_batch_size, elements);
  CHECK_EQ(counted, elements);
}

void EnqueueMany(Scheduler& scheduler, Record& record, int producer, int count) {
  for (int i = 0; i < count; ++i) {
    RequestPtr request =
        MakeRequest(std::to_string(producer) + "/" + std::to_string(i), &record, static_cast<std::uint32_t>(1 + i % 3));
    if (i % 17 == 0) {
      request->cancel->Cancel();
    }
    request->priority = static_cast<std::uint64_t>(i % 4);
    request->timeout_microseconds = static_cast<std::uint64_t>(i % 5 == 0 ? 1 : 0);
    scheduler.Enqueue(std::move(request), {.may_run_inline = i % 2 == 0});
  }
}

// Every request is answered exactly once, whatever the mix of threads.
void ManyProducers(const ModelSpec& spec, int instances, std::uint64_t quick_nanoseconds = 0) {
  constexpr int kProducers = 4;
  constexpr int kRequests = 2000;
  Record record;
  const auto scheduler =
      std::make_unique<BatchScheduler>(spec, MakeInstances(instances, CheckExecution), quick_nanoseconds);
  std::vector<std::thread> producers;
  for (int p = 0; p < kProducers; ++p) {
    producers.emplace_back([&, p] { EnqueueMany(*scheduler, record, p, kRequests); });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  scheduler->Drain();
  std::map<std::string, int> answers;
  for (const RecordedReply& reply : record.replies()) {
    ++answers[reply.request];
    CHECK(reply.code == Code::kOk || reply.code == Code::kCancelled || reply.code == Code::kUnavailable);
  }
  CHECK_EQ(answers.size(), static_cast<std::size_t>(kProducers * kRequests));
  CHECK(std::all_of(answers.begin(), answers.end(), [](const auto& answer) { return answer.second == 1; }));
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(AnswersEachRequestOfManyProducersOnce) {
  ManyProducers(Batching(8), 2);
  ManyProducers(Batching(8), 2, std::uint64_t{1} << 62);
}
TEST(AnswersEachRequestOfManyProducersOnceInOrder) {
  ManyProducers(Batching(4, Ordered()), 3);
  ManyProducers(Batching(4, Ordered()), 3, std::uint64_t{1} << 62);
}
TEST(AnswersEachRequestOfManyProducersOnceWithDelay) { ManyProducers(Batching(8, Delayed(20, {4})), 3); }
TEST(AnswersEachRequestOfManyProducersOnceWithPolicies) {
  for (const TimeoutAction action : {TimeoutAction::kReject, TimeoutAction::kDelay}) {
    DynamicBatchingSpec batching = Delayed(20, {4});
    batching.priority_levels = 3;
    batching.default_priority_level = 2;
    batching.default_queue_policy = {action, 1'000'000'000, true, 0};
    batching.priority_queue_policy[1] = {action, 50, true, 100};
    batching.priority_queue_policy[3] = {TimeoutAction::kReject, 500, false, 20};
    ManyProducers(Batching(8, batching), 2);
    ManyProducers(Batching(8, batching), 3, std::uint64_t{1} << 62);
  }
}
TEST(AnswersEachRequestOfManyProducersOnceWithoutBatching) { ManyProducers(ModelSpec{}, 3); }

TEST(DrainsWhileProducersGoOn) {
  for (int round = 0; round < 50; ++round) {
    Record record;
    const auto scheduler = MakeBatchScheduler(Batching(8), MakeInstances(2, nullptr));
    std::latch started(2);
    std::thread producer([&] {
      started.arrive_and_wait();
      EnqueueMany(*scheduler, record, 0, 100);
    });
    std::thread drainer([&] {
      started.arrive_and_wait();
      scheduler->Drain();
    });
    producer.join();
    drainer.join();
    CHECK_EQ(record.replies().size(), 100u);
    CHECK_EQ(scheduler->pending(), 0u);
  }
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
