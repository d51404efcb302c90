#include "core/low_priority.h"

#include <sys/resource.h>

#include <algorithm>
#include <system_error>
#include <thread>

namespace triton_lite {
namespace {

constexpr int kNicer = 10;
constexpr int kNicest = 19;

// Of this thread alone (Linux). Where it is refused, the work is done as well.
void LowerPriority() { (void)setpriority(PRIO_PROCESS, 0, std::min(getpriority(PRIO_PROCESS, 0) + kNicer, kNicest)); }

}  // namespace

void RunAtLowPriority(const std::function<void()>& work) {
  try {
    std::thread([&work] {
      LowerPriority();
      work();
    }).join();
  } catch (const std::system_error&) {
    work();  // No thread to be had.
  }
}

}  // namespace triton_lite
