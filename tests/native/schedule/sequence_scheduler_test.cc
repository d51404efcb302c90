#include "schedule/sequence_scheduler.h"

#include <atomic>
#include <cstring>
#include <map>
#include <thread>

#include "check.h"
#include "schedule/fakes.h"
#include "schedule/sequences.h"

namespace triton_lite {
namespace {

using testing::Batch;
using testing::Held;
using testing::InSequence;
using testing::MakeInstances;
using testing::MakeRequest;
using testing::Oldest;
using testing::Record;
using testing::RecordedReply;
using testing::Sequences;

constexpr EnqueueHint kQueue{.may_run_inline = false};
constexpr EnqueueHint kInline{.may_run_inline = true};
constexpr std::uint64_t kLong = std::uint64_t{1} << 40;

// However long this machine takes, its models count as quick.
std::unique_ptr<SequenceScheduler> Make(const ModelSpec& spec, Instances instances, SequenceStates initial = {}) {
  return std::make_unique<SequenceScheduler>(spec, std::move(instances), std::move(initial), SequenceHoldBack{},
                                             std::uint64_t{1} << 62);
}

// Enqueues the request; returns what cancels it.
std::shared_ptr<CancelToken> BringToGiveUp(SequenceScheduler& scheduler, RequestPtr request, EnqueueHint hint) {
  std::shared_ptr<CancelToken> cancel = request->cancel;
  scheduler.Enqueue(std::move(request), hint);
  return cancel;
}

// Sees that each sequence runs in order, and one request of it at a time.
class Watcher {
 public:
  void operator()(Batch batch) {
    for (InferenceRequest* request : batch) {
      if (request->id.empty()) {
        continue;  // An empty place.
      }
      std::atomic<int>& next = next_[std::get<std::uint64_t>(request->correlation_id)];
      if (next.fetch_add(1) != std::stoi(request->id)) {
        ++out_of_order_;
      }
    }
    ++batches_;
  }
  void Track(std::uint64_t id) { next_[id] = 0; }
  int out_of_order() const { return out_of_order_; }
  int batches() const { return batches_; }

 private:
  std::map<std::uint64_t, std::atomic<int>> next_;  // Complete before requests come.
  std::atomic<int> out_of_order_{0};
  std::atomic<int> batches_{0};
};

// Several threads, each with sequences of its own, on several instances; with the next request sent before the answer.
void RunMany(const ModelSpec& spec, EnqueueHint hint) {
  constexpr std::uint64_t kThreads = 4;
  constexpr std::uint64_t kSequences = 6;
  constexpr int kLength = 40;
  Record record;
  Watcher watcher;
  for (std::uint64_t id = 1; id <= kThreads * kSequences; ++id) {
    watcher.Track(id);
  }
  const auto scheduler = Make(spec, MakeInstances(2, std::ref(watcher)));
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int i = 0; i < kLength; ++i) {
        for (std::uint64_t s = 0; s < kSequences; ++s) {
          const std::uint32_t flags = (i == 0 ? kSequenceStart : 0) | (i == kLength - 1 ? kSequenceEnd : 0);
          scheduler->Enqueue(InSequence(&record, thread * kSequences + s + 1, flags, std::to_string(i)), hint);
        }
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  scheduler->Drain();
  CHECK_EQ(record.replies().size(), kThreads * kSequences * kLength);
  for (const RecordedReply& reply : record.replies()) {
    CHECK(reply.code == Code::kOk);
  }
  CHECK_EQ(watcher.out_of_order(), 0);
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(KeepsTheOrderOfEverySequence) {
  for (const EnqueueHint hint : {kQueue, kInline}) {
    RunMany(Sequences(4, {}), hint);
    RunMany(Sequences(0, {}), hint);
    RunMany(Sequences(4, Oldest(8)), hint);
    RunMany(Sequences(4, Oldest(3, /*preserve_ordering=*/true)), hint);
  }
}

TEST(ManySequencesLiveAtOnce) {
  constexpr std::uint64_t kSequences = 10'000;
  Record record;
  const auto scheduler = Make(Sequences(64, Oldest(kSequences)), MakeInstances(1, nullptr));
  for (const std::uint32_t flags : {kSequenceStart, 0u, kSequenceEnd}) {
    for (std::uint64_t id = 1; id <= kSequences; ++id) {
      scheduler->Enqueue(InSequence(&record, id, flags), kQueue);
    }
  }
  scheduler->Drain();
  CHECK_EQ(record.replies().size(), 3 * kSequences);
}

TEST(SilentSequencesMakeRoomWhileOthersRun) {
  Record record;
  SequenceBatchingSpec batching;
  batching.max_sequence_idle_microseconds = 1000;
  const auto scheduler = Make(Sequences(2, batching), MakeInstances(2, nullptr));
  for (std::uint64_t id = 1; id <= 40; ++id) {  // None of them ends.
    scheduler->Enqueue(InSequence(&record, id, kSequenceStart), kQueue);
  }
  record.WaitFor(40);
}

// Adds 1 to the state, and shows it as the code of the answer would.
void Count(Batch batch) {
  for (InferenceRequest* request : batch) {
    if (request->states == nullptr) {
      continue;
    }
    std::int32_t value = 0;
    std::memcpy(&value, request->inputs.back().data.data, sizeof(value));
    ++value;
    SequenceState& state = request->states->front();
    if (!state.own) {
      state.data = AllocateHeap(sizeof(value)).value();
      state.own = true;
    }
    std::memcpy(state.data.data, &value, sizeof(value));
    InferenceResponse response;
    response.parameters.Set("count", std::int64_t{value});
    request->responder->Send(std::move(response), false);
  }
}

std::vector<std::int64_t> Counts(Record& record) {
  std::vector<std::int64_t> counts;
  for (const RecordedReply& reply : record.replies()) {
    if (const ParameterValue* value = reply.response.parameters.Find("count")) {
      counts.push_back(std::get<std::int64_t>(*value));
    }
  }
  return counts;
}

TEST(StatesStartAnewWithTheirSequence) {
  for (const bool oldest : {false, true}) {
    SequenceBatchingSpec batching = oldest ? Oldest(2) : SequenceBatchingSpec{};
    SequenceStateSpec& state = batching.state.emplace_back();
    state.input_name = "in";
    state.output_name = "out";
    state.datatype = DataType::kInt32;
    state.dims = {1};
    std::int32_t ten = 10;
    SequenceState initial;
    initial.datatype = DataType::kInt32;
    initial.shape = {1, 1};
    initial.data = {reinterpret_cast<std::byte*>(&ten), sizeof(ten), nullptr};
    Record record;
    const auto scheduler = Make(Sequences(2, batching), MakeInstances(1, Count), {initial});
    std::size_t answers = 0;
    for (const auto& [id, flags] : std::vector<std::pair<std::uint64_t, std::uint32_t>>{
             {1, kSequenceStart}, {2, kSequenceStart}, {1, 0}, {1, kSequenceStart}, {2, kSequenceEnd}, {1, 0}}) {
      scheduler->Enqueue(InSequence(&record, id, flags), kQueue);
      record.WaitFor(answers += 2);
    }
    CHECK(Counts(record) == (std::vector<std::int64_t>{11, 11, 12, 11, 12, 12}));
    CHECK_EQ(ten, 10);
  }
}

// Asks for two more runs of every request, then ends it.
class Repeater : public BackendInstance {
 public:
  void Execute(Batch batch) override {
    for (InferenceRequest* request : batch) {
      const int run = ++runs_[request->id];
      request->reschedule = run < 3;
      request->responder->Send({}, run == 3);
    }
  }

 private:
  std::map<std::string, int> runs_;
};

TEST(ARequestRunsAgainWhenItsBackendAsksForIt) {
  for (const bool oldest : {false, true}) {
    SequenceBatchingSpec batching = oldest ? Oldest(1) : SequenceBatchingSpec{};
    batching.iterative_sequence = true;
    Record record;
    Instances instances;
    instances.push_back(std::make_unique<Repeater>());
    const auto scheduler = Make(Sequences(1, batching), std::move(instances));
    scheduler->Enqueue(MakeRequest("a", &record), kQueue);
    scheduler->Enqueue(MakeRequest("b", &record), kInline);
    scheduler->Drain();
    std::vector<std::string> replies;
    for (const RecordedReply& reply : record.replies()) {
      replies.push_back(reply.request + " " + reply.what);
    }
    const std::vector<std::string> of_a = {"a ok", "a again", "a ok", "a again", "a ok"};
    const std::vector<std::string> of_b = {"b ok", "b again", "b ok", "b again", "b ok"};
    CHECK(std::vector<std::string>(replies.begin(), replies.begin() + 5) == of_a);
    CHECK(std::vector<std::string>(replies.begin() + 5, replies.end()) == of_b);
  }
}

TEST(ARequestDoesNotRunAgainWhereSequencesAreNotIterative) {
  Record record;
  Instances instances;
  instances.push_back(std::make_unique<Repeater>());
  const auto scheduler = Make(Sequences(1, {}), std::move(instances));
  scheduler->Enqueue(InSequence(&record, 1, kSequenceStart, "a"), kQueue);
  record.WaitFor(2);
  CHECK(record.replies()[1].code == Code::kInvalidArgument);
  CHECK(record.replies()[1].what.starts_with("Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE"));
}

// Its first request goes on after its batch; it asks for another run of all that follow.
class FirstGoesOn : public BackendInstance {
 public:
  explicit FirstGoesOn(RequestPtr* first) : first_(first) {}
  void Execute(Batch) override {}
  bool starts() const override { return true; }
  bool Start(Batch view, std::vector<RequestPtr>* batch, const ExecutedHook& executed) override {
    std::vector<RequestPtr> back = std::exchange(*batch, {});
    for (std::size_t i = 0; i < back.size(); ++i) {
      view[i]->reschedule = *first_ != nullptr;
      if (*first_ == nullptr) {
        *first_ = std::move(back[i]);
      }
    }
    executed(std::move(back));
    return true;
  }

 private:
  RequestPtr* const first_;
};

TEST(ARequestThatMayNotRunAgainStaysUntilItsReplyHasLeftInItsOrder) {
  Record record;
  RequestPtr first;
  Instances instances;
  instances.push_back(std::make_unique<FirstGoesOn>(&first));
  const auto scheduler = Make(Sequences(1, Oldest(4, /*preserve_ordering=*/true)), std::move(instances));
  const auto enqueue = [&](std::uint64_t id, const char* name) {
    RequestPtr request = InSequence(&record, id, kSequenceStart, name);
    const auto marker = std::make_shared<int>();
    request->model = marker;
    scheduler->Enqueue(std::move(request), kQueue);
    return std::weak_ptr<int>(marker);
  };
  enqueue(1, "first");
  const std::weak_ptr<int> second = enqueue(2, "second");
  scheduler->Drain();
  REQUIRE(first != nullptr);
  CHECK(!second.expired());
  CHECK(record.replies().empty());
  first->responder->Send({}, true);
  first->responder->Retain(first);
  CHECK(record.requests() == (std::vector<std::string>{"first", "second"}));
  CHECK(second.expired());
}

// Instances of whatever schedulers, of which only so many may run at once.
class Licences {
 public:
  Licences(std::uint32_t count, std::uint32_t needed)
      : limiter_(std::make_shared<RateLimiter>(std::vector<ResourceLimit>{{"R", count, {}}})), needed_(needed) {}

  Seats Take(std::size_t instances) {
    Seats seats;
    while (seats.size() < instances) {
      seats.push_back(*limiter_->Register({{{"R", false, needed_}}, 0}, 0));
    }
    return seats;
  }
  void Run() {
    const int running = running_.fetch_add(1) + 1;
    for (int most = most_.load(); most < running && !most_.compare_exchange_weak(most, running);) {
    }
    std::this_thread::yield();
    --running_;
  }
  int most() const { return most_; }

 private:
  const std::shared_ptr<RateLimiter> limiter_;
  const std::uint32_t needed_;
  std::atomic<int> running_{0};
  std::atomic<int> most_{0};
};

std::unique_ptr<SequenceScheduler> MakeLimited(const SequenceBatchingSpec& batching, Licences* licences,
                                               const std::function<void(Batch)>& run, std::size_t instances = 2) {
  return std::make_unique<SequenceScheduler>(Sequences(1, batching), MakeInstances(instances, run), SequenceStates{},
                                             SequenceHoldBack{}, std::uint64_t{1} << 62, licences->Take(instances));
}

TEST(LimitedInstancesRunOnlyInTheirTurn) {
  constexpr int kSequences = 8, kLength = 50;
  for (const bool oldest : {false, true}) {
    Licences licences(4, 2);
    Watcher watcher;
    Record record;
    const auto run = [&](Batch batch) {
      licences.Run();
      watcher(batch);
    };
    const SequenceBatchingSpec batching = oldest ? Oldest(4) : SequenceBatchingSpec{};
    const auto one = MakeLimited(batching, &licences, run);
    const auto other = MakeLimited(batching, &licences, run);
    ModelSpec plain;
    plain.name = "plain";
    const auto third = MakeBatchScheduler(plain, MakeInstances(1, [&](Batch) { licences.Run(); }), licences.Take(1));
    for (std::uint64_t id = 1; id <= kSequences; ++id) {
      watcher.Track(id);
    }
    std::vector<std::thread> threads;
    for (std::uint64_t id = 1; id <= kSequences; ++id) {
      threads.emplace_back([&, id] {
        SequenceScheduler& mine = id % 2 == 0 ? *one : *other;
        for (int i = 0; i < kLength; ++i) {
          const std::uint32_t flags = (i == 0 ? kSequenceStart : 0) | (i == kLength - 1 ? kSequenceEnd : 0);
          mine.Enqueue(InSequence(&record, id, flags, std::to_string(i)), i % 2 == 0 ? kInline : kQueue);
          third->Enqueue(MakeRequest("plain", &record), i % 2 == 0 ? kQueue : kInline);
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    one->Drain();
    other->Drain();
    third->Drain();
    CHECK_EQ(record.replies().size(), std::size_t{2 * kSequences * kLength});
    CHECK(watcher.out_of_order() == 0);
    CHECK(licences.most() <= 2);
  }
}

// Two limited models of sequences and one without compete for what one execution needs. Threads bring them requests,
// give up some, and drain one model meanwhile. Each request ends once, and nobody's turn is lost.
TEST(LimitedModelsAreUsedGivenUpAndDrainedAtOnce) {
  constexpr std::uint64_t kThreads = 4, kRounds = 60;
  constexpr std::size_t kRequests = kThreads * kRounds * 4;
  for (const bool oldest : {false, true}) {
    Licences licences(1, 1);
    Record record;
    const auto run = [&](Batch) { licences.Run(); };
    const SequenceBatchingSpec batching = oldest ? Oldest(4) : SequenceBatchingSpec{};
    const auto drained = MakeLimited(batching, &licences, run);
    const auto other = MakeLimited(batching, &licences, run);
    ModelSpec plain;
    plain.name = "plain";
    const auto third = MakeBatchScheduler(plain, MakeInstances(1, run), licences.Take(1));
    std::atomic<std::uint64_t> rounds{0};
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          const std::uint64_t id = thread * kRounds + round + 1;
          const EnqueueHint hint = round % 2 == 0 ? kInline : kQueue;
          std::vector<std::shared_ptr<CancelToken>> given_up;
          for (SequenceScheduler* const model : {drained.get(), other.get()}) {
            RequestPtr first = InSequence(&record, id, kSequenceStart | kSequenceEnd, "first");
            given_up.push_back(first->cancel);
            model->Enqueue(std::move(first), hint);
          }
          other->Enqueue(InSequence(&record, kThreads * kRounds + id, kSequenceStart | kSequenceEnd, "whole"), hint);
          if (round % 3 == thread % 3) {
            for (const std::shared_ptr<CancelToken>& cancel : given_up) {
              cancel->Cancel();
            }
          }
          third->Enqueue(MakeRequest("plain", &record), hint);
          ++rounds;
        }
      });
    }
    std::thread drain([&] {
      while (rounds < kThreads * kRounds / 2) {
        std::this_thread::yield();
      }
      drained->Drain();
    });
    for (std::thread& thread : threads) {
      thread.join();
    }
    drain.join();
    other->Drain();
    third->Drain();
    std::map<std::string, std::map<Code, std::size_t>> codes;
    for (const RecordedReply& reply : record.replies()) {
      CHECK(reply.last);
      ++codes[reply.request][reply.code];
    }
    CHECK_EQ(record.replies().size(), kRequests);
    CHECK((codes["whole"] == std::map<Code, std::size_t>{{Code::kOk, kThreads * kRounds}}));
    CHECK((codes["plain"] == std::map<Code, std::size_t>{{Code::kOk, kThreads * kRounds}}));
    const std::size_t ended = codes["first"][Code::kOk] + codes["first"][Code::kCancelled];
    CHECK_EQ(ended + codes["first"][Code::kUnavailable], 2 * kThreads * kRounds);
    CHECK(codes["first"][Code::kOk] > 0);
    CHECK_EQ(licences.most(), 1);
    CHECK_EQ(drained->pending() + other->pending(), 0u);
  }
}

TEST(CancelledRequestsAreLetGoWhereverTheyWait) {
  for (const bool oldest : {false, true}) {
    Record record;
    Held held;
    const SequenceBatchingSpec batching = oldest ? Oldest(2) : SequenceBatchingSpec{};
    const auto scheduler = Make(Sequences(2, batching), MakeInstances(1, std::ref(held)));
    scheduler->Enqueue(InSequence(&record, 1, kSequenceStart, "runs"), kQueue);
    held.AwaitBatch();
    const std::vector<std::pair<std::uint64_t, std::string>> places = {
        {1, "behind it"}, {2, "in a slot"}, {3, "in the backlog"}, {4, "alone in the backlog"}};
    std::vector<std::shared_ptr<CancelToken>> tokens;
    std::vector<std::weak_ptr<void>> memory;
    for (const auto& [id, name] : places) {
      const std::uint32_t flags = (id == 1 ? 0 : kSequenceStart) | (id == 4 ? kSequenceEnd : 0);
      RequestPtr request = InSequence(&record, id, flags, name);
      request->admission = std::make_shared<int>(0);
      memory.push_back(request->admission);
      tokens.push_back(BringToGiveUp(*scheduler, std::move(request), kInline));
    }
    CHECK_EQ(scheduler->waiting(), places.size());
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      tokens[i]->Cancel();
      CHECK_EQ(record.replies().size(), i + 1);
      CHECK_EQ(record.replies()[i].request, places[i].second);
      CHECK(record.replies()[i].code == Code::kCancelled);
      CHECK(memory[i].expired());
    }
    CHECK_EQ(scheduler->waiting(), 0u);
    CHECK_EQ(scheduler->pending(), 1u);
    held.LetGo();
    scheduler->Drain();
    CHECK_EQ(record.replies().size(), places.size() + 1);
    CHECK(record.replies().back().code == Code::kOk);
  }
}

TEST(AnAnswerThatIsWaitedForInOrderIsNotHeldUpByOneThatWasCancelled) {
  Record record;
  Held held;
  const auto scheduler = Make(Sequences(1, Oldest(4, /*preserve_ordering=*/true)), MakeInstances(1, std::ref(held)));
  scheduler->Enqueue(InSequence(&record, 1, kSequenceStart, "runs"), kQueue);
  held.AwaitBatch();
  const auto cancel = BringToGiveUp(*scheduler, InSequence(&record, 2, kSequenceStart, "given up"), kQueue);
  scheduler->Enqueue(InSequence(&record, 3, kSequenceStart, "last"), kQueue);
  cancel->Cancel();
  held.LetGo();
  scheduler->Drain();
  CHECK(record.requests() == (std::vector<std::string>{"given up", "runs", "last"}));
}

// Threads bring sequences for few slots, others give requests of them up meanwhile. Each request ends once; one that
// was not given up fails only with its sequence.
TEST(SequencesAreGivenUpWhileTheyWaitAndRun) {
  constexpr std::uint64_t kThreads = 3, kRounds = 150;
  constexpr int kLength = 4;
  for (const bool oldest : {false, true}) {
    Record record;
    const SequenceBatchingSpec batching = oldest ? Oldest(2) : SequenceBatchingSpec{};
    const auto scheduler = Make(Sequences(2, batching), MakeInstances(2, [](Batch) { std::this_thread::yield(); }));
    std::vector<std::thread> threads;
    for (std::uint64_t thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        for (std::uint64_t round = 0; round < kRounds; ++round) {
          const std::uint64_t id = thread * kRounds + round + 1;
          const bool gives_up = round % 2 == 0;
          std::vector<std::shared_ptr<CancelToken>> given_up;
          for (int i = 0; i < kLength; ++i) {
            const std::uint32_t flags = (i == 0 ? kSequenceStart : 0) | (i == kLength - 1 ? kSequenceEnd : 0);
            RequestPtr request = InSequence(&record, id, flags, gives_up ? "up" : "on");
            if (gives_up && (i % 2 == 1) != (round % 4 == 0)) {
              given_up.push_back(request->cancel);
            }
            scheduler->Enqueue(std::move(request), round % 3 == 0 ? kInline : kQueue);
          }
          for (const std::shared_ptr<CancelToken>& cancel : given_up) {
            cancel->Cancel();
          }
        }
      });
    }
    for (std::thread& thread : threads) {
      thread.join();
    }
    scheduler->Drain();
    CHECK_EQ(record.replies().size(), std::size_t{kThreads * kRounds * kLength});
    for (const RecordedReply& reply : record.replies()) {
      CHECK(reply.code == Code::kOk || (reply.code == Code::kCancelled && reply.request == "up"));
    }
    CHECK_EQ(scheduler->pending(), 0u);
    CHECK_EQ(scheduler->waiting(), 0u);
  }
}

TEST(ALimitedModelThatWaitsForItsTurnIsDrainedAndLetsOthersRun) {
  Licences licences(1, 1);
  Record record;
  Held held;
  const auto blocker = MakeLimited({}, &licences, std::ref(held), 1);
  auto waiter = MakeLimited(Oldest(4), &licences, [](Batch) {}, 1);
  blocker->Enqueue(InSequence(&record, 1, kSequenceStart, "first"), kQueue);
  held.AwaitBatch();
  const auto cancel = BringToGiveUp(*waiter, InSequence(&record, 7, kSequenceStart, "given up"), kInline);
  waiter->Enqueue(InSequence(&record, 8, kSequenceStart | kSequenceEnd, "second"), kInline);
  cancel->Cancel();
  CHECK(record.requests() == std::vector<std::string>{"given up"});
  std::thread drain([&] { waiter->Drain(); });
  held.LetGo();
  drain.join();
  waiter.reset();
  blocker->Enqueue(InSequence(&record, 1, kSequenceEnd, "third"), kInline);
  blocker->Drain();
  std::map<std::string, Code> codes;
  for (const RecordedReply& reply : record.replies()) {
    codes[reply.request] = reply.code;
  }
  CHECK((codes ==
         std::map<std::string, Code>{
             {"first", Code::kOk}, {"given up", Code::kCancelled}, {"second", Code::kOk}, {"third", Code::kOk}}));
}

TEST(AModelThatDrainsServesItsBacklogWhenTheSequenceBeforeItIsGivenUp) {
  Licences licences(1, 1);
  Record record;
  Held held;
  const auto blocker = MakeLimited({}, &licences, std::ref(held), 1);
  const auto waiter = MakeLimited(Oldest(1), &licences, [](Batch) {}, 1);
  blocker->Enqueue(InSequence(&record, 1, kSequenceStart | kSequenceEnd, "first"), kQueue);
  held.AwaitBatch();
  const auto cancel = BringToGiveUp(*waiter, InSequence(&record, 7, kSequenceStart, "given up"), kQueue);
  waiter->Enqueue(InSequence(&record, 8, kSequenceStart | kSequenceEnd, "second"), kQueue);
  std::thread drain([&] { waiter->Drain(); });
  Record refused;
  for (std::uint64_t id = 100; refused.replies().empty(); ++id) {  // Until it drains.
    waiter->Enqueue(InSequence(&refused, id, kSequenceStart | kSequenceEnd), kQueue);
    std::this_thread::yield();
  }
  cancel->Cancel();
  held.LetGo();
  drain.join();
  blocker->Drain();
  CHECK(record.replies().size() == 3);
  CHECK(record.requests()[0] == "given up");
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
