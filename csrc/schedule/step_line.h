// Steps of ensembles that start on this thread one after the other, instead of inside each other: a step that runs at
// once has left its instance by the time the next one starts, and no chain of steps is too long for a stack.
#pragma once

#include <deque>
#include <functional>
#include <utility>

#include "schedule/scheduler.h"

namespace triton_lite {

// On the stack. The outermost one of a thread starts, when it ends, what was pushed meanwhile.
class StepLine {
 public:
  using Start = std::function<void(EnqueueHint)>;

  // `hint`: how this thread may be used by what is pushed.
  explicit StepLine(EnqueueHint hint) : hint_(hint) {
    if (open_ == nullptr) {
      open_ = this;
    }
  }

  ~StepLine() {
    if (open_ != this) {
      return;
    }
    while (!starts_.empty()) {
      const Start start = std::move(starts_.front());
      starts_.pop_front();
      start(hint_);
    }
    open_ = nullptr;
  }
  StepLine(const StepLine&) = delete;
  StepLine& operator=(const StepLine&) = delete;

  // There has to be one on this thread's stack.
  static void Push(Start start) { open_->starts_.push_back(std::move(start)); }

 private:
  static inline thread_local StepLine* open_ = nullptr;

  const EnqueueHint hint_;
  std::deque<Start> starts_;
};

}  // namespace triton_lite
