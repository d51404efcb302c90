#include "schedule/request_queue.h"

#include <deque>
#include <random>
#include <string>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::MakeRequest;

using Names = std::vector<std::string>;

Names NamesOf(const std::vector<RequestPtr>& requests) {
  Names names;
  for (const RequestPtr& request : requests) {
    names.push_back(request->id);
  }
  return names;
}

Names Waiting(const RequestQueue& queue) {
  Names names;
  queue.Each([&](const InferenceRequest& request) {
    names.push_back(request.id);
    return true;
  });
  return names;
}

// Puts a request that came at `now` (microseconds) into `queue`.
bool Push(RequestQueue& queue, const std::string& id, std::uint64_t now = 0, std::uint64_t priority = 0,
          std::uint64_t timeout = 0) {
  RequestPtr request = MakeRequest(id, nullptr);
  request->times.queue_start = 1000 * now;
  request->priority = priority;
  request->timeout_microseconds = timeout;
  return queue.Push(&request);
}

DynamicBatchingSpec Timed(TimeoutAction action, std::uint64_t timeout, bool override = false) {
  DynamicBatchingSpec batching;
  batching.default_queue_policy = {action, timeout, override, 0};
  return batching;
}

TEST(KeepsTheOrderAndTheSumThroughRandomUse) {
  std::mt19937 random(7);  // NOLINT: the same cases in every run
  RequestQueue queue;
  std::deque<std::string> want;
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 3 != 0) {
      want.push_back(std::to_string(next++));
      RequestPtr request = MakeRequest(want.back(), nullptr, 2);
      CHECK(queue.Push(&request));
    } else {
      const std::size_t count = random() % (queue.size() + 1);
      std::vector<RequestPtr> taken;
      queue.Take(count, &taken);
      for (const RequestPtr& request : taken) {
        CHECK_EQ(request->id, want.front());
        want.pop_front();
      }
    }
    CHECK_EQ(queue.size(), want.size());
    CHECK_EQ(queue.elements(), 2 * want.size());
  }
}

TEST(TakesOnlyTheCancelledOnesOfTheHead) {
  RequestQueue queue;
  std::vector<std::shared_ptr<CancelToken>> tokens;
  for (const char* id : {"a", "b", "c", "d"}) {
    RequestPtr request = MakeRequest(id, nullptr);
    tokens.push_back(request->cancel);
    queue.Push(&request);
  }
  tokens[1]->Cancel();
  tokens[3]->Cancel();
  std::vector<RequestPtr> cancelled;
  CHECK(queue.TakeCancelled(3, &cancelled));
  CHECK(NamesOf(cancelled) == Names{"b"});
  CHECK((Waiting(queue) == Names{"a", "c", "d"}));
  CHECK(!queue.TakeCancelled(2, &cancelled));
}

TEST(HigherLevelsComeFirstAndUnknownOnesAreTheDefault) {
  DynamicBatchingSpec batching;
  batching.priority_levels = 3;
  batching.default_priority_level = 2;
  RequestQueue queue(batching);
  Push(queue, "low", 0, 3);
  Push(queue, "none", 0, 0);
  Push(queue, "beyond", 0, 4);
  Push(queue, "high", 0, 1);
  CHECK((Waiting(queue) == Names{"high", "none", "beyond", "low"}));
  std::vector<RequestPtr> taken;
  queue.Take(4, &taken);
  CHECK_EQ(taken[2]->priority, 2u);
}

TEST(WithoutLevelsPrioritiesDoNotMatter) {
  RequestQueue queue;
  Push(queue, "a", 0, 2);
  Push(queue, "b", 0, 1);
  CHECK((Waiting(queue) == Names{"a", "b"}));
}

TEST(EachLevelHasItsOwnLimit) {
  DynamicBatchingSpec batching;
  batching.priority_levels = 2;
  batching.default_priority_level = 2;
  batching.default_queue_policy.max_queue_size = 1;
  batching.priority_queue_policy[1].max_queue_size = 2;
  RequestQueue queue(batching);
  CHECK(Push(queue, "a", 0, 1));
  CHECK(Push(queue, "b", 0, 1));
  CHECK(!Push(queue, "c", 0, 1));
  CHECK(Push(queue, "d", 0, 2));
  CHECK(!Push(queue, "e", 0, 2));
  CHECK_EQ(queue.size(), 3u);
}

TEST(RejectsWhatWaitedLongerThanItsTimeout) {
  RequestQueue queue(Timed(TimeoutAction::kReject, 10, /*override=*/true));
  Push(queue, "a", 0);
  Push(queue, "b", 0, 0, 5);
  Push(queue, "c", 0, 0, 50);  // No longer than the policy says.
  CHECK_EQ(queue.next_rejection(), 5000u);
  std::vector<RequestPtr> rejected;
  queue.Expire(5000, &rejected);
  CHECK(rejected.empty());  // Not before the time is over.
  queue.Expire(5001, &rejected);
  CHECK(NamesOf(rejected) == Names{"b"});
  CHECK_EQ(queue.next_rejection(), 10'000u);
  queue.Expire(10'001, &rejected);
  CHECK((NamesOf(rejected) == Names{"b", "a", "c"}));
  CHECK_EQ(queue.next_rejection(), 0u);
  CHECK(queue.empty());
  CHECK_EQ(queue.elements(), 0u);
}

TEST(DelaysBehindItsOwnLevelOnly) {
  DynamicBatchingSpec batching = Timed(TimeoutAction::kDelay, 10);
  batching.priority_levels = 2;
  batching.default_priority_level = 1;
  RequestQueue queue(batching);
  Push(queue, "old", 0, 1);
  Push(queue, "low", 8, 2);
  Push(queue, "young", 8, 1);
  std::vector<RequestPtr> rejected;
  queue.Expire(11'000, &rejected);
  CHECK(rejected.empty());
  CHECK((Waiting(queue) == Names{"young", "old", "low"}));
  CHECK_EQ(queue.next_rejection(), 0u);
  queue.Expire(30'000, &rejected);
  CHECK((Waiting(queue) == Names{"old", "young", "low"}));
  std::vector<RequestPtr> taken;
  queue.Take(2, &taken);
  CHECK((NamesOf(taken) == Names{"old", "young"}));
  CHECK((Waiting(queue) == Names{"low"}));
  CHECK(!queue.has_deadlines());
}

TEST(WhatIsTakenIsNotRejectedLater) {
  RequestQueue queue(Timed(TimeoutAction::kReject, 10));
  Push(queue, "a", 0);
  Push(queue, "b", 1);
  std::vector<RequestPtr> taken;
  queue.Take(1, &taken);
  CHECK_EQ(queue.next_rejection(), 11'000u);
  queue.Take(1, &taken);
  CHECK(!queue.has_deadlines());
}

TEST(ATimeoutBeyondTheClockIsNone) {
  RequestQueue queue(Timed(TimeoutAction::kReject, ~std::uint64_t{0}));
  Push(queue, "a", 1);
  CHECK(!queue.has_deadlines());
}

TEST(ManyLevelsDoNotStay) {
  DynamicBatchingSpec batching;
  batching.priority_levels = ~std::uint64_t{0};
  batching.default_priority_level = 1;
  RequestQueue queue(batching);
  for (std::uint64_t level = 1; level <= 1000; ++level) {
    Push(queue, std::to_string(level), 0, 1001 - level);
  }
  std::vector<RequestPtr> taken;
  queue.Take(1000, &taken);
  CHECK_EQ(taken.front()->id, "1000");
  CHECK_EQ(taken.back()->id, "1");
  CHECK(queue.empty());
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
