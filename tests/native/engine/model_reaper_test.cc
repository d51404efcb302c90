#include "engine/model_reaper.h"

#include <atomic>
#include <future>
#include <thread>

#include "check.h"
#include "engine/fakes.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

struct Traces {
  std::promise<std::thread::id> destroyed;
  std::atomic<int> drained{0};
};

// Says where it was destroyed.
class TracedScheduler final : public Scheduler {
 public:
  explicit TracedScheduler(Traces* traces) : traces_(traces) {}
  ~TracedScheduler() override { traces_->destroyed.set_value(std::this_thread::get_id()); }
  void Enqueue(RequestPtr, EnqueueHint) override {}
  void Drain() override { ++traces_->drained; }
  std::size_t pending() const override { return 0; }

 private:
  Traces* traces_;
};

std::unique_ptr<const ServedModel> Traced(Traces* traces) {
  return std::make_unique<const ServedModel>(SimpleSpec(), nullptr, std::make_unique<TracedScheduler>(traces));
}

}  // namespace

TEST(AModelIsNeverDestroyedWhereItsLastHolderLetsGo) {
  Traces traces;
  ModelReaper reaper;
  ServedModelPtr model = reaper.Adopt(Traced(&traces));
  model.reset();
  CHECK(traces.destroyed.get_future().get() != std::this_thread::get_id());
}

TEST(ARetiredModelIsDrainedFirst) {
  Traces traces;
  ModelReaper reaper;
  reaper.Retire(reaper.Adopt(Traced(&traces)));
  reaper.WaitUntilIdle();
  CHECK_EQ(traces.drained.load(), 1);
  traces.destroyed.get_future().get();
}

TEST(AModelMayOutliveTheReaper) {
  Traces traces;
  ServedModelPtr model;
  {
    ModelReaper reaper;
    model = reaper.Adopt(Traced(&traces));
  }
  model.reset();
  CHECK(traces.destroyed.get_future().get() != std::this_thread::get_id());
}

TEST_MAIN()
