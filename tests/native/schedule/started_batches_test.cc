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

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
