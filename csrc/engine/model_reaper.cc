#include "engine/model_reaper.h"

#include <malloc.h>

#include <chrono>
#include <system_error>
#include <thread>
#include <utility>

namespace triton_lite {
namespace {

// How often to look whether the requests of a replaced model have ended: nobody waits for it that precisely.
constexpr std::chrono::milliseconds kLookAgain(2);

}  // namespace

ModelReaper::ModelReaper() : thread_([state = state_] { Run(state); }) {}

ModelReaper::~ModelReaper() {
  WaitUntilIdle();
  {
    MutexLock lock(state_->mu);
    state_->stopped = true;
  }
  state_->changed.NotifyAll();
  thread_.join();
}

ServedModelPtr ModelReaper::Adopt(std::unique_ptr<const ServedModel> model) {
  return {model.release(), [state = state_](const ServedModel* last) { Submit(state, [last] { delete last; }); }};
}

RetirementPtr ModelReaper::Retire(std::vector<ServedModelPtr> models) {
  auto retirement = std::make_shared<Retirement>(models.size());
  for (ServedModelPtr& model : models) {
    End(state_, std::move(model), retirement, /*refuses=*/false);
  }
  return retirement;
}

void ModelReaper::Drain(std::vector<ServedModelPtr> models) {
  const auto retirement = std::make_shared<Retirement>(models.size());
  for (ServedModelPtr& model : models) {
    End(state_, std::move(model), retirement, /*refuses=*/true);
  }
}

// Its members go from the last to the first.
struct ModelReaper::LeavingInstance {
  std::shared_ptr<const void> done;
  std::shared_ptr<BackendModel> backend;
  std::unique_ptr<BackendInstance> instance;
  RateLimiter::SeatPtr seat;
};

InstanceEnd ModelReaper::EndOfInstances(std::shared_ptr<BackendModel> backend, std::shared_ptr<const void> done) {
  return [state = state_, backend = std::move(backend), done = std::move(done)](
             std::unique_ptr<BackendInstance> instance, RateLimiter::SeatPtr seat) {
    auto leaving =
        std::make_shared<LeavingInstance>(LeavingInstance{done, backend, std::move(instance), std::move(seat)});
    Submit(state, [state, leaving = std::move(leaving)]() mutable { EndInstance(state, std::move(leaving)); });
  };
}

void ModelReaper::EndInstance(const std::shared_ptr<State>& state, std::shared_ptr<LeavingInstance> leaving) {
  if (leaving->seat != nullptr) {
    leaving->seat->Close();
    leaving->seat.reset();
  }
  if (!leaving->instance->in_use()) {
    return;
  }
  // Nobody waits for such requests, here as elsewhere: they may take as long as their clients like.
  const auto wait = [](const std::shared_ptr<LeavingInstance>& last) {
    while (last->instance->in_use()) {
      std::this_thread::sleep_for(kLookAgain);
    }
  };
  try {
    std::thread([wait, leaving] { wait(leaving); }).detach();
  } catch (const std::system_error&) {
    RunApart(state, [wait, leaving] { wait(leaving); });
  }
}

void ModelReaper::End(const std::shared_ptr<State>& state, ServedModelPtr model, RetirementPtr retirement,
                      bool refuses) {
  const bool waits = model->pending() > 0;
  Task task = [model = std::move(model), retirement = std::move(retirement), refuses]() mutable {
    if (refuses) {
      model->Drain();
    }
    while (model->pending() > 0) {
      std::this_thread::sleep_for(kLookAgain);
    }
    retirement->EndOne();
    model.reset();
  };
  waits ? RunApart(state, std::move(task)) : Submit(state, std::move(task));
}

void ModelReaper::RunApart(const std::shared_ptr<State>& state, Task task) {
  {
    MutexLock lock(state->mu);
    ++state->running;
  }
  try {
    std::thread([state, task]() mutable {
      task();
      task = nullptr;
      Finish(state);
    }).detach();
  } catch (const std::system_error&) {  // No thread to be had: the others wait after all.
    Submit(state, std::move(task));
    Finish(state);
  }
}

void ModelReaper::Finish(const std::shared_ptr<State>& state) {
  MutexLock lock(state->mu);
  --state->running;
  state->changed.NotifyAll();
}

void ModelReaper::WaitUntilIdle() {
  MutexLock lock(state_->mu);
  while (state_->running > 0 || !state_->tasks.empty()) {
    state_->changed.Wait(state_->mu);
  }
}

void ModelReaper::Submit(const std::shared_ptr<State>& state, Task task) {
  {
    MutexLock lock(state->mu);
    if (!state->stopped) {
      state->tasks.push_back(std::move(task));
      state->changed.NotifyAll();
      return;
    }
  }
  // The engine is gone, somebody still held a model: the caller may be a thread that the task joins.
  std::thread(std::move(task)).detach();
}

void ModelReaper::Run(const std::shared_ptr<State>& state) {
  while (true) {
    Task task;
    {
      MutexLock lock(state->mu);
      while (state->tasks.empty() && !state->stopped) {
        state->changed.Wait(state->mu);
      }
      if (state->tasks.empty()) {
        return;
      }
      task = std::move(state->tasks.front());
      state->tasks.pop_front();
      ++state->running;
    }
    task();
    task = nullptr;
    if (IsLast(*state)) {
      malloc_trim(0);  // What ended models held goes back to the system: once, however many they were.
    }
    Finish(state);
  }
}

bool ModelReaper::IsLast(State& state) {
  MutexLock lock(state.mu);
  return state.tasks.empty();
}

}  // namespace triton_lite
