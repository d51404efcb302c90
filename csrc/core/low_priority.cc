#include "core/low_priority.h"

#include <sched.h>
#include <stdlib.h>
#include <sys/resource.h>

#include <algorithm>
#include <system_error>
#include <thread>

#include "core/rests.h"

namespace triton_lite {
namespace {

constexpr int kNicest = 19;

// A core that runs nothing but idle work counts as free when a thread is woken; one at nice 19 does not, and whoever is
// woken meanwhile waits for the other core: over reloads of 50 MB on 2 cores, without rests, p99 of other models
// against p99 without reloads was 3.1 at nice 19 and 2.1 with SCHED_IDLE. On busy cores that work hardly ever ends,
// being given 0.3% of each (nice 19: 1.5%), so that it is only for those that have time left. This work itself may be
// one of the load.
bool CoresHaveTime() {
  double load = 0;
  return getloadavg(&load, 1) == 1 && load < 1.0 + std::max(1U, std::thread::hardware_concurrency());
}

// Of this thread alone (Linux). Where it is refused, the work is done as well.
void LowerPriority() {
  (void)setpriority(PRIO_PROCESS, 0, kNicest);
  if (CoresHaveTime()) {
    const sched_param none = {};
    (void)sched_setscheduler(0, SCHED_IDLE, &none);
  }
}

}  // namespace

void RunAtLowPriority(const std::function<void()>& work) {
  try {
    std::thread([&work] {
      LowerPriority();
      const Rests rests;
      work();
    }).join();
  } catch (const std::system_error&) {
    work();  // No thread to be had.
  }
}

}  // namespace triton_lite
