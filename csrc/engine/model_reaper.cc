#include "engine/model_reaper.h"

#include <utility>

namespace triton_lite {

ModelReaper::ModelReaper() : thread_([state = state_] { Run(state); }) {}

ModelReaper::~ModelReaper() {
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

void ModelReaper::Retire(ServedModelPtr model) {
  Submit(state_, [model = std::move(model)]() mutable {
    model->Drain();
    model.reset();
  });
}

void ModelReaper::WaitUntilIdle() {
  MutexLock lock(state_->mu);
  while (state_->busy || !state_->tasks.empty()) {
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
      state->busy = true;
    }
    task();
    task = nullptr;
    {
      MutexLock lock(state->mu);
      state->busy = false;
    }
    state->changed.NotifyAll();
  }
}

}  // namespace triton_lite
