// Instances that come and go while a scheduler runs (Scheduler::Update).
#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "check.h"
#include "schedule/batch_scheduler.h"
#include "schedule/fakes.h"
#include "schedule/sequences.h"

namespace triton_lite {
namespace {

using testing::AwayInstance;
using testing::AwayThreads;
using testing::Batch;
using testing::FakeInstance;
using testing::Gate;
using testing::Held;
using testing::InSequence;
using testing::MakeInstances;
using testing::MakeRequest;
using testing::MakeSequences;
using testing::Oldest;
using testing::Record;
using testing::RecordedReply;
using testing::Sequences;

constexpr EnqueueHint kQueue{.may_run_inline = false};
constexpr EnqueueHint kInline{.may_run_inline = true};

// Takes over instances that leave, and keeps them until it is destroyed: outside of the scheduler's lock.
class Exit {
 public:
  InstanceEnd end() {
    return [this](std::unique_ptr<BackendInstance> instance, RateLimiter::SeatPtr seat) {
      const std::lock_guard lock(mu_);
      instances_.push_back(std::move(instance));
      seats_.push_back(std::move(seat));
      changed_.notify_all();
    };
  }
  void WaitFor(std::size_t count) {
    std::unique_lock lock(mu_);
    changed_.wait(lock, [&] { return instances_.size() >= count; });
  }
  std::size_t count() {
    const std::lock_guard lock(mu_);
    return instances_.size();
  }
  // Ends what has come so far.
  void Clear() {
    Instances instances;
    Seats seats;
    {
      const std::lock_guard lock(mu_);
      instances.swap(instances_);
      seats.swap(seats_);
    }
    for (const RateLimiter::SeatPtr& seat : seats) {
      if (seat != nullptr) {
        seat->Close();
      }
    }
  }

 private:
  std::mutex mu_;
  std::condition_variable changed_;
  Instances instances_;
  Seats seats_;
};

Instances One(std::function<void(Batch)> body) { return MakeInstances(1, std::move(body)); }

// Who ran what.
class Runs {
 public:
  std::function<void(Batch)> By(std::string instance) {
    return [this, instance = std::move(instance)](Batch batch) {
      const std::lock_guard lock(mu_);
      for (const InferenceRequest* const request : batch) {
        by_[request->id] = instance;
      }
    };
  }
  std::string of(const std::string& request) {
    const std::lock_guard lock(mu_);
    return by_[request];
  }

 private:
  std::mutex mu_;
  std::map<std::string, std::string> by_;
};

TEST(AnInstanceThatIsAddedRunsWhatWaits) {
  Record record;
  Held held;
  Runs runs;
  const auto scheduler = MakeBatchScheduler({}, One(std::ref(held)));
  scheduler->Enqueue(MakeRequest("a", &record), kQueue);
  held.AwaitBatch();
  scheduler->Enqueue(MakeRequest("b", &record), kQueue);
  CHECK(scheduler->Update({One(runs.By("new")), {}, {}, {}}) == std::vector<std::size_t>{1});
  record.WaitFor(1);
  CHECK_EQ(runs.of("b"), "new");
  held.LetGo();
  scheduler->Drain();
}

TEST(AnInstanceThatIsRemovedEndsItsBatchFirst) {
  for (const bool away : {false, true}) {
    Record record;
    Held held;
    Exit exit;
    Runs runs;
    AwayThreads threads;
    Instances instances = One(std::ref(held));
    if (away) {
      instances[0] = std::make_unique<AwayInstance>(std::move(instances[0]), &threads);
    }
    const auto scheduler = MakeBatchScheduler({}, std::move(instances));
    scheduler->Enqueue(MakeRequest("a", &record), kQueue);
    held.AwaitBatch();
    Instances added = One(runs.By("new"));
    if (away) {
      added[0] = std::make_unique<AwayInstance>(std::move(added[0]), &threads);
    }
    CHECK(scheduler->Update({std::move(added), {}, {0}, exit.end()}) == std::vector<std::size_t>{1});
    scheduler->Enqueue(MakeRequest("b", &record), kQueue);
    record.WaitFor(1);
    CHECK_EQ(runs.of("b"), "new");
    CHECK_EQ(exit.count(), 0u);
    held.LetGo();
    exit.WaitFor(1);
    CHECK_EQ(scheduler->Update({One(runs.By("another")), {}, {}, {}})[0], 0u);  // Its number is free.
    scheduler->Drain();
    threads.Join();
    CHECK_EQ(record.replies().size(), 2u);
    exit.Clear();
  }
}

TEST(AnInstanceThatRunsNothingGoesAtOnce) {
  Exit exit;
  const auto batches = MakeBatchScheduler({}, MakeInstances(3, nullptr));
  batches->Update({{}, {}, {0, 2}, exit.end()});
  CHECK_EQ(exit.count(), 2u);
  for (const bool oldest : {false, true}) {
    const auto sequences =
        MakeSequences(Sequences(2, oldest ? Oldest(2) : SequenceBatchingSpec{}), MakeInstances(3, nullptr));
    exit.Clear();
    sequences->Update({{}, {}, {0, 2}, exit.end()});
    CHECK_EQ(exit.count(), 2u);
  }
}

TEST(SequencesGoOnWhereTheyAreAndNewOnesElsewhere) {
  for (const bool oldest : {false, true}) {
    Record record;
    Exit exit;
    Runs runs;
    Instances instances;
    for (const char* const name : {"first", "second", "third"}) {
      instances.push_back(std::make_unique<FakeInstance>(runs.By(name)));
    }
    const auto scheduler =
        MakeSequences(Sequences(1, oldest ? Oldest(2) : SequenceBatchingSpec{}), std::move(instances));
    scheduler->Enqueue(InSequence(&record, 1, kSequenceStart, "a"), kQueue);
    scheduler->Enqueue(InSequence(&record, 2, kSequenceStart, "b"), kQueue);
    record.WaitFor(2);
    scheduler->Update({One(runs.By("new")), {}, {0, 1, 2}, exit.end()});
    exit.WaitFor(1);
    scheduler->Enqueue(InSequence(&record, 1, 0, "a2"), kQueue);
    scheduler->Enqueue(InSequence(&record, 2, 0, "b2"), kQueue);
    scheduler->Enqueue(InSequence(&record, 3, kSequenceStart, "c"), kQueue);
    record.WaitFor(5);
    CHECK_EQ(runs.of("a2"), runs.of("a"));
    CHECK_EQ(runs.of("b2"), runs.of("b"));
    CHECK_EQ(runs.of("c"), "new");
    CHECK_EQ(exit.count(), 1u);
    scheduler->Enqueue(InSequence(&record, 1, kSequenceEnd, "a3"), kQueue);
    exit.WaitFor(2);
    scheduler->Enqueue(InSequence(&record, 2, kSequenceEnd, "b3"), kQueue);
    exit.WaitFor(3);
    scheduler->Enqueue(InSequence(&record, 3, kSequenceEnd, "c2"), kQueue);
    scheduler->Drain();
    for (const RecordedReply& reply : record.replies()) {
      CHECK(reply.code == Code::kOk);
    }
    exit.Clear();
  }
}

TEST(SequencesOfTheBacklogGetTheSlotsOfAnInstanceThatIsAdded) {
  for (const bool oldest : {false, true}) {
    Record record;
    Runs runs;
    const auto scheduler =
        MakeSequences(Sequences(1, oldest ? Oldest(2) : SequenceBatchingSpec{}), One(runs.By("first")));
    const std::uint64_t slots = oldest ? 2 : 1;
    for (std::uint64_t id = 1; id <= slots; ++id) {
      scheduler->Enqueue(InSequence(&record, id, kSequenceStart, std::to_string(id)), kQueue);
    }
    record.WaitFor(slots);
    scheduler->Enqueue(InSequence(&record, 9, kSequenceStart, "waits"), kQueue);
    scheduler->Enqueue(InSequence(&record, 9, kSequenceEnd, "ends"), kQueue);
    CHECK_EQ(scheduler->waiting(), 2u);
    CHECK(scheduler->Update({One(runs.By("new")), {}, {}, {}}) == std::vector<std::size_t>{1});
    record.WaitFor(slots + 2);
    CHECK_EQ(runs.of("waits"), "new");
    CHECK_EQ(runs.of("ends"), "new");
    scheduler->Drain();
  }
}

TEST(AnInstanceWhoseSequencesAreSilentGoesWithThem) {
  for (const bool oldest : {false, true}) {
    Record record;
    Exit exit;
    ModelSpec spec = Sequences(1, oldest ? Oldest(2) : SequenceBatchingSpec{});
    std::get<SequenceBatchingSpec>(spec.scheduler).max_sequence_idle_microseconds = 20'000;
    const auto scheduler = MakeSequences(spec, MakeInstances(1, nullptr));
    scheduler->Enqueue(InSequence(&record, 1, kSequenceStart, "a"), kQueue);
    record.WaitFor(1);
    scheduler->Update({MakeInstances(1, nullptr), {}, {0}, exit.end()});
    exit.WaitFor(1);
    scheduler->Drain();
    exit.Clear();
  }
}

TEST(AnInstanceThatIsStillThereGoesWithItsScheduler) {
  Record record;
  Exit exit;
  {
    const auto scheduler = MakeSequences(Sequences(1), MakeInstances(1, nullptr));
    scheduler->Enqueue(InSequence(&record, 1, kSequenceStart, "a"), kQueue);
    record.WaitFor(1);
    scheduler->Update({MakeInstances(1, nullptr), {}, {0}, exit.end()});
  }
  CHECK_EQ(exit.count(), 0u);
}

Seats Register(RateLimiter& limiter, std::size_t count) {
  Seats seats;
  while (seats.size() < count) {
    seats.push_back(*limiter.Register({{{"R", false, 1}}, 0}, 0));
  }
  return seats;
}

TEST(LimitedInstancesComeAndGo) {
  const auto limiter = std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"R", 1, {}}});
  for (const bool sequences : {false, true}) {
    Record record;
    Exit exit;
    Gate entered;
    Gate gate;
    Runs runs;
    const auto hold = [&](Batch batch) {
      if (batch.front()->id == "held") {
        entered.Open();
        gate.Wait();
      }
    };
    auto batches = MakeBatchScheduler({}, One(hold), Register(*limiter, 1));
    const std::unique_ptr<Scheduler> scheduler =
        sequences ? std::unique_ptr<Scheduler>(MakeSequences(Sequences(1), One(hold), Register(*limiter, 1)))
                  : std::move(batches);
    constexpr std::uint32_t kWhole = kSequenceStart | kSequenceEnd;
    scheduler->Enqueue(InSequence(&record, 1, kWhole, "held"), kQueue);
    entered.Wait();
    scheduler->Update({One(runs.By("new")), Register(*limiter, 1), {0}, exit.end()});
    scheduler->Enqueue(InSequence(&record, 2, kWhole, "next"), kQueue);
    CHECK_EQ(record.replies().size(), 0u);  // The only resource is in use.
    gate.Open();
    record.WaitFor(2);
    exit.WaitFor(1);
    exit.Clear();
    CHECK_EQ(runs.of("next"), "new");
    scheduler->Enqueue(InSequence(&record, 3, kWhole, "last"), kQueue);
    scheduler->Drain();
    CHECK_EQ(record.replies().size(), 3u);
  }
}

TEST(ASeatThatLeftIsClosedBeforeItsScheduler) {
  const auto limiter = std::make_shared<RateLimiter>();
  Exit exit;
  for (const bool sequences : {false, true}) {
    auto scheduler =
        sequences
            ? std::unique_ptr<Scheduler>(MakeSequences(Sequences(1), MakeInstances(2, nullptr), Register(*limiter, 2)))
            : MakeBatchScheduler({}, MakeInstances(2, nullptr), Register(*limiter, 2));
    scheduler->Update({{}, {}, {1}, exit.end()});
    CHECK_EQ(exit.count(), 1u);
    scheduler.reset();
    exit.Clear();  // Tells nobody who is gone.
  }
}

// Sees that an instance runs one batch at a time.
std::function<void(Batch)> Alone(std::atomic<int>* violations) {
  return [violations, running = std::make_shared<std::atomic<int>>(0)](Batch) {
    *violations += running->fetch_add(1) > 0 ? 1 : 0;
    std::this_thread::yield();
    running->fetch_sub(1);
  };
}

// `away`: null for one that runs its batches on the threads of its pool.
std::unique_ptr<BackendInstance> MakeAlone(std::atomic<int>* violations, AwayThreads* away) {
  std::unique_ptr<BackendInstance> instance = std::make_unique<FakeInstance>(Alone(violations));
  return away != nullptr ? std::make_unique<AwayInstance>(std::move(instance), away) : std::move(instance);
}

// Requests of several threads while instances come and go; each is answered.
void Churn(Scheduler& scheduler, Record& record, Exit& exit, std::atomic<int>* violations, AwayThreads* away,
           RateLimiter* limiter) {
  constexpr int kThreads = 3;
  constexpr int kRequests = 300;
  std::atomic<int> busy{kThreads};
  std::vector<std::thread> producers;
  for (int thread = 0; thread < kThreads; ++thread) {
    producers.emplace_back([&, thread] {
      for (int i = 0; i < kRequests; ++i) {
        const std::uint32_t flags = (i % 10 == 0 ? kSequenceStart : 0) | (i % 10 == 9 ? kSequenceEnd : 0);
        scheduler.Enqueue(InSequence(&record, static_cast<std::uint64_t>(thread) + 1, flags, std::to_string(i)),
                          i % 2 == 0 ? kQueue : kInline);
        if (i % 10 == 9) {
          std::this_thread::yield();
        }
      }
      --busy;
    });
  }
  std::vector<std::size_t> numbers{0, 1};
  while (busy > 0) {
    InstanceChange change;
    change.added.push_back(MakeAlone(violations, away));
    if (limiter != nullptr) {
      change.seats = Register(*limiter, 1);
    }
    change.removed = {numbers.front()};
    change.end = exit.end();
    numbers.erase(numbers.begin());
    numbers.push_back(scheduler.Update(std::move(change))[0]);
    exit.Clear();
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  scheduler.Drain();
  if (away != nullptr) {
    away->Join();
  }
  exit.Clear();
  CHECK_EQ(record.replies().size(), static_cast<std::size_t>(kThreads * kRequests));
  for (const RecordedReply& reply : record.replies()) {
    CHECK(reply.code == Code::kOk);
  }
  CHECK_EQ(violations->load(), 0);
  CHECK_EQ(scheduler.pending(), 0u);
}

TEST(EveryRequestIsAnsweredWhileInstancesComeAndGo) {
  ModelSpec dynamic;
  dynamic.max_batch_size = 4;
  dynamic.scheduler.emplace<DynamicBatchingSpec>();
  for (const bool away : {false, true}) {
    for (const bool limited : {false, true}) {
      for (const ModelSpec& spec : {ModelSpec{}, dynamic, Sequences(1), Sequences(4), Sequences(4, Oldest(2))}) {
        const auto limiter = std::make_shared<RateLimiter>();
        Record record;
        Exit exit;
        std::atomic<int> violations{0};
        AwayThreads threads;
        AwayThreads* const where = away ? &threads : nullptr;
        Instances instances;
        instances.push_back(MakeAlone(&violations, where));
        instances.push_back(MakeAlone(&violations, where));
        Seats seats = limited ? Register(*limiter, 2) : Seats{};
        const bool sequences = std::holds_alternative<SequenceBatchingSpec>(spec.scheduler);
        const std::unique_ptr<Scheduler> scheduler =
            sequences ? std::unique_ptr<Scheduler>(MakeSequences(spec, std::move(instances), std::move(seats)))
                      : MakeBatchScheduler(spec, std::move(instances), std::move(seats));
        Churn(*scheduler, record, exit, &violations, where, limited ? limiter.get() : nullptr);
      }
    }
  }
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
