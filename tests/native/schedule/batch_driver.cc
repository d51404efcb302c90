// The default scheduler and the dynamic batcher under the orders of tests/schedule. Keys of "make": those of
// batch_model.h, and instances=N.
#include "schedule/batch_model.h"
#include "schedule/driver.h"

namespace triton_lite {
namespace {

std::unique_ptr<Scheduler> Make(const testing::Arguments& words, Instances instances) {
  return MakeBatchScheduler(testing::ReadModel(words), std::move(instances));
}

}  // namespace
}  // namespace triton_lite

int main() { return triton_lite::testing::SchedulerDriver(triton_lite::Make).Serve(); }
