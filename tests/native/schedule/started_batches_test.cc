// Batches that an instance runs elsewhere: which thread starts the next.
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "schedule/batch_scheduler.h"
#include "schedule/fakes.h"
#include "schedule/rate_limiter.h"

namespace triton_lite {
namespace {

using testing::MakeRequest;
using testing::Record;

constexpr EnqueueHint kQueue{.may_run_inline = false};

// What was started and has not run yet.
class Elsewhere {
 public:
  void Add(std::vector<RequestPtr> batch, ExecutedHook executed) {
    const std::lock_guard lock(mu_);
    started_.push_back({std::move(batch), std::move(executed), std::this_thread::get_id()});
    cv_.notify_all();
  }
  void AwaitStarted() {
    std::unique_lock lock(mu_);
    cv_.wait(lock, [this] { return !started_.empty(); });
  }
  // Waits for a batch, and runs it on this thread. Returns the thread that started it.
  std::thread::id RunNext() {
    std::unique_lock lock(mu_);
    cv_.wait(lock, [this] { return !started_.empty(); });
    Started next = std::move(started_.front());
    started_.erase(started_.begin());
    lock.unlock();
    for (const RequestPtr& request : next.batch) {
      request->responder->Send({}, true);
    }
    next.executed(std::move(next.batch));
    return next.by;
  }

 private:
  struct Started {
    std::vector<RequestPtr> batch;
    ExecutedHook executed;
    std::thread::id by;
  };
  std::mutex mu_;
  std::condition_variable cv_;
  std::vector<Started> started_;
};

class StartingInstance : public BackendInstance {
 public:
  explicit StartingInstance(Elsewhere* elsewhere) : elsewhere_(elsewhere) {}
  void Execute(std::span<InferenceRequest* const>) override {}
  bool starts() const override { return true; }
  bool Start(std::span<InferenceRequest* const>, std::vector<RequestPtr>* batch,
             const ExecutedHook& executed) override {
    elsewhere_->Add(std::exchange(*batch, {}), executed);
    return true;
  }

 private:
  Elsewhere* const elsewhere_;
};

RequestPtr RequestOf(std::size_t byte_size, Record* record) {
  RequestPtr request = MakeRequest("", record);
  InputTensor input;
  input.data = *AllocateHeap(byte_size);
  request->inputs.push_back(std::move(input));
  return request;
}

// Whether the second of two requests is started by the thread that tells that the first has run.
bool StartsNextItself(std::size_t byte_size) {
  Record record;
  Elsewhere elsewhere;
  Instances instances;
  instances.push_back(std::make_unique<StartingInstance>(&elsewhere));
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, std::move(instances));
  scheduler->Enqueue(RequestOf(byte_size, &record), kQueue);
  scheduler->Enqueue(RequestOf(byte_size, &record), kQueue);
  elsewhere.RunNext();
  const bool itself = elsewhere.RunNext() == std::this_thread::get_id();
  scheduler->Drain();
  CHECK_EQ(record.replies().size(), 2u);
  return itself;
}

TEST(WhoTellsThatABatchHasRunStartsTheNextIfThatIsSmall) {
  for (int round = 0; round < 100; ++round) {
    CHECK(StartsNextItself(100));
  }
}

TEST(AThreadThatSleepsBringsTheInputsOfALargeOneMeanwhile) {
  int by_others = 0;
  for (int round = 0; round < 10'000 && by_others == 0; ++round) {  // It may not sleep yet.
    by_others += StartsNextItself(1 << 20) ? 0 : 1;
  }
  CHECK_EQ(by_others, 1);
}

TEST(WhatABatchHeldGoesToOthersThoughAThreadBringsTheNextOne) {
  constexpr std::uint64_t kDelay = 50'000;
  for (int round = 0; round < 10; ++round) {
    const auto limiter = std::make_shared<RateLimiter>();
    const auto seat = [&] {
      Seats seats;
      seats.push_back(*limiter->Register({{{"R", false, 1}}, 0}, 0));
      return seats;
    };
    Record record;
    Elsewhere elsewhere;
    Instances instances;
    instances.push_back(std::make_unique<StartingInstance>(&elsewhere));
    ModelSpec batching;
    batching.max_batch_size = 2;
    batching.scheduler.emplace<DynamicBatchingSpec>().max_queue_delay_microseconds = kDelay;
    const auto scheduler = MakeBatchScheduler(batching, std::move(instances), seat());
    const auto other = MakeBatchScheduler(ModelSpec{}, testing::MakeInstances(1, nullptr), seat());
    scheduler->Enqueue(RequestOf(100, &record), kQueue);
    scheduler->Enqueue(RequestOf(100, &record), kQueue);  // A whole batch, which is started.
    elsewhere.AwaitStarted();
    other->Enqueue(MakeRequest("other", &record), kQueue);
    scheduler->Enqueue(RequestOf(1 << 20, &record), kQueue);  // May still grow.
    elsewhere.RunNext();
    record.WaitFor(3);
    elsewhere.RunNext();
    scheduler->Drain();
    other->Drain();
    CHECK_EQ(record.replies().size(), 4u);
  }
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
