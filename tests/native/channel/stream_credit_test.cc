// Back-pressure of streams: the account itself, then over rings and in process.
#include "channel/stream_credit.h"

#include <atomic>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "channel/channel_pair.h"
#include "core/mutex.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

// Hands the only call to the test.
class Keeper : public CallHandler {
 public:
  void Handle(CallPtr call) override {
    call->ExpectMany();
    MutexLock lock(mu_);
    call_ = std::move(call);
    came_.NotifyAll();
  }
  CallPtr Take() {
    MutexLock lock(mu_);
    while (call_ == nullptr) {
      came_.Wait(mu_);
    }
    return std::exchange(call_, nullptr);
  }

 private:
  Mutex mu_;
  CondVar came_;
  CallPtr call_;
};

// Lets the test wait for a hook that runs on another thread.
class Word {
 public:
  std::function<void()> Hook() {
    return [this] {
      MutexLock lock(mu_);
      said_ = true;
      changed_.NotifyAll();
    };
  }
  bool said() {
    MutexLock lock(mu_);
    return said_;
  }
  void Await() {
    MutexLock lock(mu_);
    while (!said_) {
      changed_.Wait(mu_);
    }
  }

 private:
  Mutex mu_;
  CondVar changed_;
  bool said_ = false;
};

void Send(Call& call, std::size_t count, const std::string& text = "answer") {
  for (std::size_t i = 0; i < count; ++i) {
    call.Reply({{}, text, {}}, false);
  }
}

// What both kinds of client have in common: window, hook, cancellation.
void CheckBackPressure(ChannelClient& client, Keeper& keeper) {
  const CallId id = *client.Send(Method::kModelStreamInfer, {"stream", {}});
  const CallPtr call = keeper.Take();
  Send(*call, kStreamWindow - 1);
  CHECK(call->HasCredit());
  Word at_once;
  call->OnCredit(at_once.Hook());
  CHECK(at_once.said());
  Send(*call, 1);
  CHECK(!call->HasCredit());
  Word later;
  Word another;
  call->OnCredit(later.Hook());
  call->OnCredit(another.Hook());

  // To receive is not to send on.
  std::vector<ReceivedAnswerPtr> received;
  for (std::size_t i = 0; i < kStreamWindow; ++i) {
    received.push_back(Await(client, id));
    CHECK(received.back()->many() && !received.back()->last());
  }
  CHECK(!call->HasCredit() && !later.said());
  received[0]->Acknowledge();
  received[0]->Acknowledge();
  received[1].reset();
  Send(*call, 1);
  CHECK(call->HasCredit());
  Send(*call, 1);
  CHECK(!call->HasCredit());
  // A hook is worth its wake-up when half of the window is free.
  CHECK(!later.said());
  received.clear();
  later.Await();
  another.Await();
  CHECK(call->HasCredit());

  Send(*call, kStreamWindow);
  CHECK(!call->HasCredit());
  Word cancelled;
  call->OnCredit(cancelled.Hook());
  client.Cancel(id);
  cancelled.Await();
  CHECK(call->HasCredit() && call->cancel_token()->cancelled());
  // Nobody waits for these.
  Send(*call, 5, "dropped");
  call->Reply({Cancelled("over"), {}, {}}, true);
  ReceivedAnswerPtr answer;
  do {
    answer = Await(client, id);
    CHECK(AsText(answer->message()) != "dropped");
  } while (!answer->last());
  CHECK(answer->status() == Cancelled("over") && answer->many());
}

}  // namespace

TEST(TheAccountCountsAnswersAndBytes) {
  StreamCredit credit(3);
  credit.Sent(10);
  credit.Sent(10);
  CHECK(credit.Has(0));
  credit.Sent(10);
  CHECK(!credit.Has(0));
  CHECK(credit.Has(1));
  CHECK(credit.Has(0));          // What was taken stays taken.
  CHECK(credit.Has(1'000'000));  // No more than was sent.
  credit.Sent(kStreamWindowByteSize);
  CHECK(!credit.Has(3));
  credit.Sent(kStreamWindowByteSize * 2);
  CHECK(!credit.Has(4));
  CHECK(credit.Has(5));  // However large the next one is.
}

TEST(AWindowOfOneWaitsForEachAnswer) {
  StreamCredit credit(1);
  CHECK(credit.Has(0));
  credit.Sent(1);
  int ran = 0;
  credit.Await([&] { ++ran; }, 0);
  CHECK(credit.Offer(0));
  CHECK_EQ(ran, 0);
  CHECK(!credit.Offer(1));
  CHECK_EQ(ran, 1);
  CHECK(!credit.Offer(1));
  CHECK_EQ(ran, 1);
}

TEST(ThereIsAWindowWhateverTheClientSays) {
  StreamCredit none(0);
  CHECK(none.Has(0));
  StreamCredit endless(0xFFFFFFFF);
  for (std::size_t i = 0; i < kStreamWindow; ++i) {
    endless.Sent(1);
  }
  CHECK(!endless.Has(0));
}

TEST(OverRings) {
  Keeper keeper;
  Pair pair(&keeper);
  CheckBackPressure(*pair.client, keeper);
  CheckBackPressure(*pair.client, keeper);  // The index serves again.
}

TEST(InProcess) {
  Keeper keeper;
  const auto client = MakeDirectClient(&keeper);
  CheckBackPressure(*client, keeper);
}

TEST(AnswersThatOutliveTheirCallAreNoneOfTheNextOne) {
  Keeper keeper;
  Pair pair(&keeper, 1);
  const CallId first = *pair.client->Send(Method::kModelStreamInfer, {"first", {}});
  CallPtr call = keeper.Take();
  Send(*call, 2);
  call->Reply({}, true);
  std::vector<ReceivedAnswerPtr> kept;
  for (int i = 0; i < 3; ++i) {
    kept.push_back(Await(*pair.client, first));
  }
  const CallId second = *pair.client->Send(Method::kModelStreamInfer, {"second", {}});
  CHECK_EQ(second & 0xFFFF, first & 0xFFFF);
  call = keeper.Take();
  Send(*call, kStreamWindow);
  kept.clear();
  CHECK(!call->HasCredit());
}

TEST(APeerChoosesItsWindow) {
  Keeper keeper;
  Pair pair(&keeper);
  RingClientOptions options;
  options.socket_path = pair.path;
  options.stream_window = 1;
  const auto client = *ConnectRings(options);
  const CallId id = *client->Send(Method::kModelStreamInfer, {"stream", {}});
  const CallPtr call = keeper.Take();
  for (int i = 0; i < 100; ++i) {
    CHECK(call->HasCredit());
    Send(*call, 1);
    CHECK(!call->HasCredit());
    Word taken;
    call->OnCredit(taken.Hook());
    Await(*client, id).reset();
    taken.Await();
  }
}

TEST(AClientThatHangsUpLetsTheModelGoOn) {
  Keeper keeper;
  Pair pair(&keeper);
  (void)*pair.client->Send(Method::kModelStreamInfer, {"stream", {}});
  const CallPtr call = keeper.Take();
  Send(*call, kStreamWindow);
  Word hung_up;
  call->OnCredit(hung_up.Hook());
  pair.client.reset();
  hung_up.Await();
  CHECK(call->HasCredit());
}

TEST(CallsWithOneAnswerNeedNoCredit) {
  Echo echo;
  Pair pair(&echo);
  CheckEcho(*pair.client, "message", {"segment"});
  const CallId id = *pair.client->Send(Method::kModelStreamInfer, {"message", {}});
  CHECK(!Await(*pair.client, id)->many());
}

TEST_MAIN()
