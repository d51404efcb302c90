#include "core/low_priority.h"

#include <sys/resource.h>

#include <thread>

#include "check.h"

using namespace triton_lite;

namespace {

int Nice() { return getpriority(PRIO_PROCESS, 0); }

}  // namespace

TEST(WorkRunsAtLowPriorityElsewhere) {
  const int before = Nice();
  int inside = before;
  std::thread::id where;
  RunAtLowPriority([&] {
    inside = Nice();
    where = std::this_thread::get_id();
  });
  CHECK_EQ(inside, 19);
  CHECK(where != std::this_thread::get_id());
  CHECK_EQ(Nice(), before);
}

TEST(ThreadsStartedAfterwardsHaveTheCallersPriority) {
  const int before = Nice();
  RunAtLowPriority([] {});
  int later = -100;
  std::thread([&] { later = Nice(); }).join();
  CHECK_EQ(later, before);
}

TEST_MAIN()
