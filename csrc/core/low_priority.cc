#include "core/low_priority.h"

#include <sys/resource.h>

#include <system_error>
#include <thread>

namespace triton_lite {
namespace {

constexpr int kNice = 10;

}  // namespace

void RunAtLowPriority(const std::function<void()>& work) {
  const auto run = [&work] {
    (void)setpriority(PRIO_PROCESS, 0,
                      kNice);  // Of this thread (Linux). Where it is refused, the work is done as well.
    work();
  };
  try {
    std::thread(run).join();
  } catch (const std::system_error&) {
    work();  // No thread to be had.
  }
}

}  // namespace triton_lite
