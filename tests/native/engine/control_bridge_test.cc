#include "engine/control_bridge.h"

#include <thread>

#include "check.h"
#include "engine/fakes.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

std::shared_ptr<FakeCall> MakeCall() { return std::make_shared<FakeCall>(Method::kServerLive, "message"); }

}  // namespace

TEST(CallsComeInOrderAndAreAnswered) {
  ControlBridge bridge;
  const auto first = MakeCall();
  const auto second = MakeCall();
  bridge.Push(first);
  bridge.Push(second);
  const auto taken = bridge.Next(0);
  REQUIRE(taken != nullptr);
  CHECK_EQ(&taken->call(), first.get());
  taken->Reply("answer");
  REQUIRE(first->answers.size() == 1);
  CHECK(first->answers[0].last);
  CHECK_EQ(first->answers[0].answer.message, "answer");
  bridge.Next(0)->Fail(NotFound("nothing here"));
  CHECK(second->answers[0].answer.status == NotFound("nothing here"));
}

TEST(ADeadlineThatPassedGivesNothing) {
  ControlBridge bridge;
  CHECK(bridge.Next(1) == nullptr);
  bridge.Push(MakeCall());
  CHECK(bridge.Next(1) != nullptr);
}

TEST(RefusesWhatDoesNotFit) {
  ControlBridge bridge(1);
  const auto refused = MakeCall();
  bridge.Push(MakeCall());
  bridge.Push(refused);
  REQUIRE(refused->answers.size() == 1);
  CHECK(refused->answers[0].answer.status.code() == Code::kUnavailable);
}

TEST(StopAnswersWhatWaitsAndWakesEverybody) {
  ControlBridge bridge;
  std::thread waiter([&] { CHECK(bridge.Next(0) == nullptr); });
  bridge.Stop();
  waiter.join();
  const auto late = MakeCall();
  bridge.Push(late);
  REQUIRE(late->answers.size() == 1);
  CHECK(late->answers[0].answer.status.code() == Code::kUnavailable);
  CHECK(bridge.stopped());

  ControlBridge other;
  const auto pending = MakeCall();
  other.Push(pending);
  other.Stop();
  REQUIRE(pending->answers.size() == 1);
  CHECK(pending->answers[0].answer.status.code() == Code::kUnavailable);
}

TEST_MAIN()
