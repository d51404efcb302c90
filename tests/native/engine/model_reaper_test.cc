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
  std::atomic<std::size_t> pending{0};
};

// Says where it was destroyed.
class TracedScheduler final : public Scheduler {
 public:
  explicit TracedScheduler(Traces* traces) : traces_(traces) {}
  ~TracedScheduler() override { traces_->destroyed.set_value(std::this_thread::get_id()); }
  void Enqueue(RequestPtr, EnqueueHint) override {}
  void Drain() override { ++traces_->drained; }
  std::size_t pending() const override { return traces_->pending; }

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

TEST(ARetiredModelStillTakesWhoFoundItBefore) {
  Traces traces;
  ModelReaper reaper;
  const RetirementPtr retirement = reaper.Retire({reaper.Adopt(Traced(&traces))});
  CHECK(retirement->Wait(0));
  CHECK_EQ(traces.drained.load(), 0);
  reaper.WaitUntilIdle();
  CHECK(traces.destroyed.get_future().wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}

TEST(ADrainedModelRefuses) {
  Traces traces;
  ModelReaper reaper;
  reaper.Drain({reaper.Adopt(Traced(&traces))});
  reaper.WaitUntilIdle();
  CHECK_EQ(traces.drained.load(), 1);
  CHECK(traces.destroyed.get_future().wait_for(std::chrono::seconds(0)) == std::future_status::ready);
}

TEST(AModelThatIsSlowToEndHoldsUpNoOther) {
  Traces slow;
  Traces quick;
  slow.pending = 1;
  ModelReaper reaper;
  const RetirementPtr first = reaper.Retire({reaper.Adopt(Traced(&slow))});
  const RetirementPtr second = reaper.Retire({reaper.Adopt(Traced(&quick))});
  CHECK(second->Wait(0));
  quick.destroyed.get_future().get();
  CHECK(!first->Wait(1));
  slow.pending = 0;
  CHECK(first->Wait(0));
  reaper.WaitUntilIdle();
  slow.destroyed.get_future().get();
}

TEST(NothingToRetireHasEnded) {
  ModelReaper reaper;
  CHECK(reaper.Retire({})->Wait(0));
}

namespace {

// Is in use until it is told, and says where it ends.
class BusyInstance final : public BackendInstance {
 public:
  struct State {
    std::atomic<bool> in_use{true};
    std::promise<std::thread::id> destroyed;
  };
  explicit BusyInstance(State* state) : state_(state) {}
  ~BusyInstance() override { state_->destroyed.set_value(std::this_thread::get_id()); }
  void Execute(std::span<InferenceRequest* const>) override {}
  bool in_use() const override { return state_->in_use; }

 private:
  State* state_;
};

}  // namespace

TEST(AnInstanceThatLeavesEndsElsewhereOnceNothingIsInIt) {
  BusyInstance::State busy;
  BusyInstance::State idle;
  idle.in_use = false;
  std::promise<void> done;
  ModelReaper reaper;
  {
    const InstanceEnd end =
        reaper.EndOfInstances(nullptr, std::shared_ptr<const void>(&done, [&done](const void*) { done.set_value(); }));
    end(std::make_unique<BusyInstance>(&busy), nullptr);
    end(std::make_unique<BusyInstance>(&idle), nullptr);
  }
  CHECK(idle.destroyed.get_future().get() != std::this_thread::get_id());
  auto all = done.get_future();
  CHECK(all.wait_for(std::chrono::seconds(0)) == std::future_status::timeout);
  reaper.WaitUntilIdle();  // Whatever goes on in the other one.
  busy.in_use = false;
  CHECK(busy.destroyed.get_future().get() != std::this_thread::get_id());
  all.get();
}

TEST(WhatAnInstanceLeavesMayOutliveTheReaper) {
  BusyInstance::State idle;
  idle.in_use = false;
  InstanceEnd end;
  {
    ModelReaper reaper;
    end = reaper.EndOfInstances(nullptr, nullptr);
  }
  end(std::make_unique<BusyInstance>(&idle), nullptr);
  idle.destroyed.get_future().get();
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
