// Instances that are down leave what comes to the others of their model, and fail it only when all are.
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "check.h"
#include "schedule/batch_scheduler.h"
#include "schedule/fakes.h"
#include "schedule/rate_limiter.h"
#include "schedule/sequences.h"

namespace triton_lite {
namespace {

using testing::AwayInstance;
using testing::AwayThreads;
using testing::Batch;
using testing::FakeInstance;
using testing::Gate;
using testing::InSequence;
using testing::MakeRequest;
using testing::MakeSequences;
using testing::Record;
using testing::Sequences;

constexpr EnqueueHint kQueue{.may_run_inline = false};
constexpr EnqueueHint kInline{.may_run_inline = true};

struct Switch {
  std::atomic<bool> down{false};
  std::atomic<int> batches{0};
};

// Runs batches on threads of their own while it is not down.
class SwitchedInstance : public BackendInstance {
 public:
  SwitchedInstance(Switch* with, std::function<void(Batch)> body, AwayThreads* threads)
      : switch_(with), away_(std::make_unique<FakeInstance>(std::move(body)), threads) {}
  void Execute(Batch) override {}
  bool starts() const override { return true; }
  bool down() const override { return switch_->down; }
  bool Start(Batch view, std::vector<RequestPtr>* batch, const ExecutedHook& executed) override {
    ++switch_->batches;
    if (!switch_->down) {
      return away_.Start(view, batch, executed);
    }
    for (InferenceRequest* const request : view) {
      request->responder->Fail(Internal("down"));
    }
    return false;
  }

 private:
  Switch* const switch_;
  AwayInstance away_;
};

struct Two {
  Switch first;
  Switch second;
  AwayThreads threads;

  Instances Make(const std::function<void(Batch)>& body = nullptr) {
    Instances instances;
    instances.push_back(std::make_unique<SwitchedInstance>(&first, body, &threads));
    instances.push_back(std::make_unique<SwitchedInstance>(&second, body, &threads));
    return instances;
  }
  void Drain(Scheduler& scheduler) {
    scheduler.Drain();
    threads.Join();
  }
};

Seats MakeSeats(const std::shared_ptr<RateLimiter>& limiter) {
  Seats seats;
  for (int i = 0; i < 2; ++i) {
    seats.push_back(*limiter->Register({{{"R", false, 1}}, 0}, 0));
  }
  return seats;
}

int CountFailed(Record& record) {
  int failed = 0;
  for (const auto& reply : record.replies()) {
    failed += reply.what == "ok" ? 0 : 1;
  }
  return failed;
}

// While the one that is up is in a batch, too.
void CheckThatTheOtherRunsAll(Seats seats, EnqueueHint hint) {
  constexpr int kCount = 20;
  Record record;
  Gate gate;
  Two two;
  two.first.down = true;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, two.Make([&](Batch) { gate.Wait(); }), std::move(seats));
  for (int i = 0; i < kCount; ++i) {
    scheduler->Enqueue(MakeRequest("r", &record), hint);
  }
  gate.Open();
  record.WaitFor(kCount);
  two.Drain(*scheduler);
  CHECK_EQ(CountFailed(record), 0);
  CHECK_EQ(two.first.batches.load(), 0);
  CHECK_EQ(two.second.batches.load(), kCount);
}

TEST(TheOtherRunsWhatOneThatIsDownWouldFail) {
  CheckThatTheOtherRunsAll({}, kQueue);
  CheckThatTheOtherRunsAll({}, kInline);
}

TEST(TheOtherHasTheTurnsOfOneThatIsDown) {
  CheckThatTheOtherRunsAll(MakeSeats(std::make_shared<RateLimiter>()), kQueue);
}

void CheckThatNothingWaitsForThoseThatAreDown(Seats seats) {
  Record record;
  Two two;
  two.first.down = two.second.down = true;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, two.Make(), std::move(seats));
  for (int i = 0; i < 10; ++i) {
    scheduler->Enqueue(MakeRequest("r", &record), i % 2 == 0 ? kQueue : kInline);
  }
  record.WaitFor(10);
  CHECK_EQ(CountFailed(record), 10);
  two.first.down = false;
  scheduler->Enqueue(MakeRequest("r", &record), kQueue);
  record.WaitFor(11);
  CHECK_EQ(CountFailed(record), 10);
  two.Drain(*scheduler);
}

TEST(WithAllDownRequestsFailUntilOneComesBack) {
  CheckThatNothingWaitsForThoseThatAreDown({});
  CheckThatNothingWaitsForThoseThatAreDown(MakeSeats(std::make_shared<RateLimiter>()));
}

TEST(OneThatIsTheLastToBeUpFailsWhatWaitsWhenItGoesDown) {
  Record record;
  Gate entered;
  Gate gate;
  Two two;
  two.first.down = true;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, two.Make([&](Batch) {
    entered.Open();
    gate.Wait();
  }));
  for (int i = 0; i < 5; ++i) {
    scheduler->Enqueue(MakeRequest("r", &record), kQueue);
  }
  entered.Wait();
  two.second.down = true;
  gate.Open();
  record.WaitFor(5);
  CHECK_EQ(CountFailed(record), 4);
  two.Drain(*scheduler);
}

// A model without an instance that is up has only instances that leave.
TEST(OneThatLeavesDoesNotCount) {
  Record record;
  Gate left;
  Two two;
  two.first.down = true;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, two.Make());
  InstanceChange change;
  change.removed = {1};
  change.end = [&](std::unique_ptr<BackendInstance>, const RateLimiter::SeatPtr&) { left.Open(); };
  scheduler->Update(std::move(change));
  left.Wait();
  scheduler->Enqueue(MakeRequest("r", &record), kQueue);
  record.WaitFor(1);
  CHECK_EQ(record.replies()[0].what, "down");
  two.Drain(*scheduler);
}

void CheckThatAllAreAnsweredWhileInstancesComeAndGo(Seats seats) {
  constexpr int kClients = 4;
  constexpr int kEach = 200;
  Record record;
  Two two;
  const auto scheduler = MakeBatchScheduler(ModelSpec{}, two.Make(), std::move(seats));
  std::atomic<bool> over{false};
  std::thread switching([&] {
    for (unsigned turn = 0; !over; ++turn) {
      two.first.down = turn % 2 == 0;
      two.second.down = turn % 3 == 0;
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> clients;
  for (int client = 0; client < kClients; ++client) {
    clients.emplace_back([&, client] {
      for (int i = 0; i < kEach; ++i) {
        scheduler->Enqueue(MakeRequest("r", &record), (i + client) % 2 == 0 ? kQueue : kInline);
      }
    });
  }
  for (std::thread& client : clients) {
    client.join();
  }
  record.WaitFor(kClients * kEach);
  over = true;
  switching.join();
  two.Drain(*scheduler);
}

TEST(EveryRequestIsAnsweredWhileInstancesGoDownAndComeBack) {
  CheckThatAllAreAnsweredWhileInstancesComeAndGo({});
  CheckThatAllAreAnsweredWhileInstancesComeAndGo(MakeSeats(std::make_shared<RateLimiter>()));
}

// A sequence stays where it is: it would not be the same one elsewhere.
TEST(SequencesStartWithAnInstanceThatIsUp) {
  Record record;
  Two two;
  two.first.down = true;
  const auto scheduler = MakeSequences(Sequences(2), two.Make());
  auto enqueue = [&, count = std::size_t{0}](std::uint64_t sequence, std::uint32_t flags) mutable {
    scheduler->Enqueue(InSequence(&record, sequence, flags), kQueue);
    record.WaitFor(++count);
    return record.replies().back().what;
  };
  CHECK_EQ(enqueue(1, kSequenceStart), "ok");
  CHECK_EQ(enqueue(2, kSequenceStart), "ok");
  CHECK_EQ(two.first.batches.load(), 0);
  CHECK_EQ(enqueue(3, kSequenceStart), "down");  // The others are taken.
  two.first.down = false;
  CHECK_EQ(enqueue(3, 0), "ok");
  two.second.down = true;
  CHECK_EQ(enqueue(1, kSequenceEnd), "down");
  CHECK_EQ(enqueue(4, kSequenceStart), "ok");
  two.Drain(*scheduler);
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
