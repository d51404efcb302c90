#include "schedule/request_queue.h"

#include <deque>
#include <random>
#include <string>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::MakeRequest;

TEST(KeepsTheOrderAndTheSumThroughRandomUse) {
  std::mt19937 random(7);  // NOLINT: the same cases in every run
  RequestQueue queue;
  std::deque<std::string> want;
  std::uint64_t next = 0;
  for (int step = 0; step < 20'000; ++step) {
    if (random() % 3 != 0) {
      want.push_back(std::to_string(next++));
      queue.Push(MakeRequest(want.back(), nullptr, 2));
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
  for (const char* id : {"a", "b", "c", "d"}) {
    queue.Push(MakeRequest(id, nullptr));
  }
  queue.waiting()[1]->cancel->Cancel();
  queue.waiting()[3]->cancel->Cancel();
  std::vector<RequestPtr> cancelled;
  CHECK(queue.TakeCancelled(3, &cancelled));
  REQUIRE(cancelled.size() == 1);
  CHECK_EQ(cancelled[0]->id, "b");
  REQUIRE(queue.size() == 3);
  CHECK_EQ(queue.waiting()[1]->id, "c");
  CHECK(!queue.TakeCancelled(2, &cancelled));
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
