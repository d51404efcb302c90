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
  void Drain() override {
    if (on_drain) {
      on_drain();
    }
    ++traces_->drained;
  }
  std::size_t pending() const override { return pending_requests; }

  std::function<void()> on_drain;
  std::size_t pending_requests = 0;

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
  const RetirementPtr retirement = reaper.Retire({reaper.Adopt(Traced(&traces))});
  CHECK(retirement->Wait(0));
  CHECK_EQ(traces.drained.load(), 1);
  reaper.WaitUntilIdle();
  CHECK(traces.destroyed.get_future().wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}

TEST(AModelThatIsSlowToEndHoldsUpNoOther) {
  Traces slow;
  Traces quick;
  std::promise<void> request_ends;
  auto scheduler = std::make_unique<TracedScheduler>(&slow);
  scheduler->pending_requests = 1;
  scheduler->on_drain = [&] { request_ends.get_future().wait(); };
  ModelReaper reaper;
  const RetirementPtr first =
      reaper.Retire({reaper.Adopt(std::make_unique<const ServedModel>(SimpleSpec(), nullptr, std::move(scheduler)))});
  const RetirementPtr second = reaper.Retire({reaper.Adopt(Traced(&quick))});
  CHECK(second->Wait(0));
  quick.destroyed.get_future().get();
  CHECK(!first->Wait(1));
  request_ends.set_value();
  CHECK(first->Wait(0));
  reaper.WaitUntilIdle();
  slow.destroyed.get_future().get();
}

TEST(NothingToRetireHasEnded) {
  ModelReaper reaper;
  CHECK(reaper.Retire({})->Wait(0));
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
