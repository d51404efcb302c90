// Client and server over real rings, in one process.
#include <poll.h>

#include <span>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "channel/channel_pair.h"
#include "channel/frame.h"
#include "channel/stream_credit.h"
#include "core/mutex.h"

using namespace triton_lite;
using namespace triton_lite::testing;

TEST(Small) {
  Echo echo;
  Pair pair(&echo);
  for (unsigned i = 0; i < 5000; ++i) {
    CheckEcho(*pair.client, Pattern(200, i), {Pattern(64, i), Pattern(64, i + 1)});
  }
}

TEST(AllSizes) {
  Echo echo;
  Pair pair(&echo);
  for (std::size_t size : {0, 1, 63, 64, 255, 256, 257, 400, 463, 464, 465, 4096, 70000, 1 << 20, 40 << 20}) {
    CheckEcho(*pair.client, "message", {Pattern(size, 1)});
    CheckEcho(*pair.client, "message", {Pattern(size, 1), Pattern(3, 2), Pattern(size, 5)});
    CheckEcho(*pair.client, Pattern(size / 4, 3), {Pattern(7, 1), Pattern(size, 1)});
  }
  std::vector<std::string> many;
  for (unsigned i = 0; i < 100; ++i) {
    many.push_back(Pattern(i, i));
  }
  CheckEcho(*pair.client, "many", many);
}

TEST(MoreSegmentsThanAreTakenAreRefused) {
  Echo echo;
  Pair pair(&echo);
  const std::vector<Bytes> too_many(kMostSegments + 1);
  const std::span<const Bytes> all(too_many);
  const auto refused = pair.client->Send(Method::kModelInfer, {"message", all});
  CHECK_EQ(refused.status().code(), Code::kInvalidArgument);
  // And nothing has happened to the connection.
  const auto call = pair.client->Send(Method::kModelInfer, {"message", all.first(kMostSegments)});
  REQUIRE(call.ok());
  CHECK(Await(*pair.client, *call)->status().ok());
}

// Answers with a call's metadata, its message and its first segment.
class Parts : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    Answer answer;
    answer.message = std::string(AsText(call->metadata())) + "|" + std::string(AsText(call->message()));
    answer.message += call->segments().empty() ? "" : AsText(call->segments()[0]);
    call->Reply(std::move(answer), true);
  }
};

TEST(MetadataIsNoPartOfTheMessage) {
  Parts parts;
  Pair pair(&parts);
  const auto direct = MakeDirectClient(&parts);
  for (const std::size_t size : {0, 1, 100, 464, 5000}) {
    const std::string metadata = Pattern(size, 1);
    for (const std::string& message : {std::string(), std::string("message"), Pattern(460, 2)}) {
      for (ChannelClient* const client : {pair.client.get(), direct.get()}) {
        const Bytes segment = AsBytes("segment");
        const auto call = client->Send(Method::kModelInfer,
                                       {.message = message, .segments = std::span(&segment, 1), .metadata = metadata});
        REQUIRE(call.ok());
        CHECK_EQ(AsText(Await(*client, *call)->message()), metadata + "|" + message + "segment");
      }
    }
  }
}

// Keeps the calls until the test lets them go.
class Keeper : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    MutexLock lock(mu_);
    calls_.push_back(std::move(call));
    came_.NotifyAll();
  }
  std::vector<CallPtr> Take(std::size_t count) {
    MutexLock lock(mu_);
    while (calls_.size() < count) {
      came_.Wait(mu_);
    }
    return std::exchange(calls_, {});
  }

 private:
  Mutex mu_;
  CondVar came_;
  std::vector<CallPtr> calls_;
};

// Lets one thread wait for another's word.
class Event {
 public:
  void Set() {
    MutexLock lock(mu_);
    set_ = true;
    changed_.NotifyAll();
  }
  void Wait() {
    MutexLock lock(mu_);
    while (!set_) {
      changed_.Wait(mu_);
    }
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool set_ = false;
};

TEST(ManyThreads) {
  Echo echo;
  Pair pair(&echo);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; ++t) {
    threads.emplace_back([&pair, t] {
      for (unsigned i = 0; i < 300; ++i) {
        CheckEcho(*pair.client, Pattern(100 + i, t), {Pattern(i * 7, i), Pattern(t * 1000, t)});
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(PollAndArm) {
  Echo echo;
  Pair pair(&echo, 64);
  std::size_t sent = 0;
  std::size_t done = 0;
  while (done < 5000) {
    while (sent < 5000 && sent - done < 64) {
      REQUIRE(pair.client->Send(Method::kModelInfer, {"poll", {}}).ok());
      ++sent;
    }
    const auto answers = pair.client->Poll();
    done += answers.size();
    if (answers.empty() && pair.client->ArmWakeup()) {
      pollfd readable{pair.client->fd(), POLLIN, 0};
      poll(&readable, 1, -1);
    }
  }
  CHECK_EQ(done, 5000u);
}

TEST(BoundOnCallsInFlight) {
  Keeper keeper;
  Pair pair(&keeper, 3);
  std::vector<CallId> calls;
  for (int i = 0; i < 3; ++i) {
    calls.push_back(*pair.client->Send(Method::kModelInfer, {"m", {}}));
  }
  CHECK_EQ(pair.client->Send(Method::kModelInfer, {"m", {}}).status().code(), Code::kUnavailable);
  keeper.Take(3).clear();
  for (const CallId call : calls) {
    const auto answer = Await(*pair.client, call);
    CHECK_EQ(answer->status(), Internal("the request was dropped"));
  }
  CHECK(pair.client->Send(Method::kModelInfer, {"m", {}}).ok());
}

TEST(FullRingParksAnswersInOrder) {
  Keeper keeper;
  Pair pair(&keeper);
  const CallId id = *pair.client->Send(Method::kModelStreamInfer, {"stream", {}});
  const auto calls = keeper.Take(1);
  calls[0]->ExpectMany();
  CHECK(calls[0]->HasCredit());
  constexpr int kCount = 5000;
  for (int i = 0; i < kCount; ++i) {
    CHECK_EQ(calls[0]->HasCredit(), i < static_cast<int>(kStreamWindow));
    calls[0]->Reply({{}, std::to_string(i) + std::string(i % 3 == 0 ? 2000 : 0, 'x'), {}}, i + 1 == kCount);
  }
  for (int i = 0; i < kCount; ++i) {
    const auto answer = Await(*pair.client, id);
    REQUIRE(answer->status().ok());
    CHECK_EQ(std::stoi(std::string(AsText(answer->message()).substr(0, 5))), i);
    CHECK_EQ(answer->last(), i + 1 == kCount);
  }
}

TEST(CancelReachesTheHandler) {
  Keeper keeper;
  Pair pair(&keeper);
  const CallId id = *pair.client->Send(Method::kModelInfer, {"m", {}});
  const auto calls = keeper.Take(1);
  Event cancelled;
  calls[0]->OnCancel([&] { cancelled.Set(); });
  pair.client->Cancel(id);
  cancelled.Wait();
  CHECK(calls[0]->cancel_token()->cancelled());
  calls[0]->Reply({Cancelled("given up"), {}, {}}, true);
  CHECK_EQ(Await(*pair.client, id)->status().code(), Code::kCancelled);
}

// So that a scheduler that is told of the first finds them all.
TEST(AllThatGoWithTheirClientAreMarkedBeforeAnyIsTold) {
  constexpr std::size_t kCount = 8;
  Keeper keeper;
  Pair pair(&keeper);
  for (std::size_t i = 0; i < kCount; ++i) {
    REQUIRE(pair.client->Send(Method::kModelInfer, {"m", {}}).ok());
  }
  const auto calls = keeper.Take(kCount);
  std::atomic<std::size_t> told{0};
  std::atomic<std::size_t> marked{0};
  Event all_told;
  for (const CallPtr& call : calls) {
    call->OnCancel([&] {
      for (const CallPtr& each : calls) {
        marked += each->cancel_token()->cancelled() ? 1 : 0;
      }
      if (++told == kCount) {
        all_told.Set();
      }
    });
  }
  pair.client.reset();
  all_told.Wait();
  CHECK_EQ(marked.load(), kCount * kCount);
}

TEST(ClientGoesRequestMemoryStays) {
  Keeper keeper;
  Pair pair(&keeper);
  const std::string large = Pattern(50 << 20, 9);
  const Bytes segment = AsBytes(large);
  REQUIRE(pair.client->Send(Method::kModelInfer, {"m", std::span(&segment, 1)}).ok());
  const auto calls = keeper.Take(1);
  Event cancelled;
  calls[0]->OnCancel([&] { cancelled.Set(); });
  pair.client.reset();
  cancelled.Wait();
  CHECK(AsText(calls[0]->segments()[0]) == large);
  calls[0]->Reply({{}, "nobody hears", {}}, true);
}

TEST(StopAnswersWhatIsPending) {
  Keeper keeper;
  Pair pair(&keeper);
  const CallId waited = *pair.client->Send(Method::kModelInfer, {"m", {}});
  const auto calls = keeper.Take(1);
  pair.server->Stop();
  CHECK_EQ(Await(*pair.client, waited)->status().code(), Code::kUnavailable);
  CHECK(!pair.client->connected());
  CHECK_EQ(pair.client->Send(Method::kModelInfer, {"m", {}}).status().code(), Code::kUnavailable);
  RingClientOptions options;
  options.socket_path = pair.path;
  CHECK_EQ(ConnectRings(options).status().code(), Code::kUnavailable);
}

TEST(AnswersGoBackInAnyOrder) {
  Echo echo;
  Pair pair(&echo, 1024, 64 << 20);
  std::vector<ReceivedAnswerPtr> held;
  const std::string part = Pattern(1 << 20, 1);
  const Bytes segment = AsBytes(part);
  for (unsigned i = 0; i < 500; ++i) {
    const CallId id = *pair.client->Send(Method::kModelInfer, {"m", std::span(&segment, 1)});
    held.push_back(Await(*pair.client, id));
    REQUIRE(held.back()->status().ok());
    if (held.size() == 40) {
      std::thread([&held] {
        for (std::size_t k = 0; k < 39; ++k) {
          held.erase(held.begin() + static_cast<std::ptrdiff_t>(k * 7 % held.size()));
        }
      }).join();
    }
  }
}

TEST(BudgetOfASlowReader) {
  Echo echo;
  Pair pair(&echo, 1024, 4 << 20);
  const std::string part = Pattern(1 << 20, 1);
  const Bytes segment = AsBytes(part);
  std::vector<ReceivedAnswerPtr> held;
  for (int i = 0; i < 8; ++i) {
    held.push_back(Await(*pair.client, *pair.client->Send(Method::kModelInfer, {"m", std::span(&segment, 1)})));
  }
  CHECK(held.front()->status().ok());
  CHECK_EQ(held.back()->status().code(), Code::kUnavailable);
  held.clear();
  CheckEcho(*pair.client, "m", {part});
}

TEST(BodiesAreNotCopied) {
  Keeper keeper;
  Pair pair(&keeper);
  auto body = pair.client->AllocateBody(1 << 20);
  REQUIRE(body.ok());
  const Bytes part = body->bytes().subspan(4096, 100'000);
  const CallId id = *pair.client->Send(Method::kModelInfer, {"m", std::span(&part, 1)});
  body->owner.reset();  // The call holds it.
  auto calls = keeper.Take(1);
  // Written after the call was sent, seen by the engine: the same memory.
  body->data[4096] = std::byte{77};
  CHECK(calls[0]->segments()[0][0] == std::byte{77});
  calls[0]->Reply({}, true);
  Await(*pair.client, id);
}

// The first call does not return until the second one was handled.
class Stuck : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    if (call->message().size() == 5) {  // "stuck"
      go_on_.Wait();
    } else {
      go_on_.Set();
    }
    call->Reply({}, true);
  }

 private:
  Event go_on_;
};

TEST(StuckReaderLosesItsRole) {
  Stuck stuck;
  Pair pair(&stuck);
  const CallId first = *pair.client->Send(Method::kModelInfer, {"stuck", {}});
  const CallId second = *pair.client->Send(Method::kModelInfer, {"free", {}});
  CHECK(Await(*pair.client, second)->status().ok());
  CHECK(Await(*pair.client, first)->status().ok());
}

TEST(DirectClient) {
  Echo echo;
  const auto client = MakeDirectClient(&echo);
  CheckEcho(*client, "direct", {Pattern(100, 1), "", Pattern(100'000, 2)});
  Keeper keeper;
  const auto kept = MakeDirectClient(&keeper);
  const CallId id = *kept->Send(Method::kModelInfer, {"m", {}});
  CHECK(kept->ArmWakeup());
  auto calls = keeper.Take(1);
  kept->Cancel(id);
  CHECK(calls[0]->cancel_token()->cancelled());
  calls.clear();
  CHECK(!kept->ArmWakeup());
  const auto answers = kept->Poll();
  REQUIRE(answers.size() == 1);
  CHECK_EQ(answers[0]->status().code(), Code::kInternal);
}

TEST_MAIN()
