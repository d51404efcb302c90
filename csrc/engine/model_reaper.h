// Ends models on a thread of its own: draining waits for requests, and a scheduler must not be destroyed on one of the
// threads that it joins, which is where the last request of a replaced model ends.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "core/mutex.h"
#include "engine/retirement.h"
#include "engine/served_model.h"

namespace triton_lite {

class ModelReaper {
 public:
  ModelReaper();
  // Finishes what it was given.
  ~ModelReaper();
  ModelReaper(const ModelReaper&) = delete;
  ModelReaper& operator=(const ModelReaper&) = delete;

  // Shares `model` such that it is destroyed here, whoever lets go last.
  ServedModelPtr Adopt(std::unique_ptr<const ServedModel> model);

  // Waits in the background until the requests of the models have ended, and lets go of them. One that is slow to end
  // holds up no other. Whoever found a model just before it was replaced still gets to run on it.
  RetirementPtr Retire(std::vector<ServedModelPtr> models);

  // Like Retire, but what comes from now on is refused.
  void Drain(std::vector<ServedModelPtr> models);

  // Ends instances of `backend` that leave a scheduler, each once the requests that go on in it have ended. `done` is
  // let go of when there is none any more.
  InstanceEnd EndOfInstances(std::shared_ptr<BackendModel> backend, std::shared_ptr<const void> done);

  // Returns when all that was retired so far has been drained, and destroyed where nobody else holds it.
  void WaitUntilIdle();

 private:
  using Task = std::function<void()>;

  // Outlives the reaper where a model outlives the engine.
  struct State {
    Mutex mu;
    CondVar changed;
    std::deque<Task> tasks GUARDED_BY(mu);
    std::size_t running GUARDED_BY(mu) = 0;  // Tasks, here and on threads of their own.
    bool stopped GUARDED_BY(mu) = false;
  };

  struct LeavingInstance;

  static void EndInstance(const std::shared_ptr<State>& state, std::shared_ptr<LeavingInstance> leaving);
  static void End(const std::shared_ptr<State>& state, ServedModelPtr model, RetirementPtr retirement, bool refuses);
  // Runs a task that may take long beside the others.
  static void RunApart(const std::shared_ptr<State>& state, Task task);
  static void Finish(const std::shared_ptr<State>& state);
  static bool IsLast(State& state);
  static void Submit(const std::shared_ptr<State>& state, Task task);
  static void Run(const std::shared_ptr<State>& state);

  const std::shared_ptr<State> state_ = std::make_shared<State>();
  std::thread thread_;
};

}  // namespace triton_lite
