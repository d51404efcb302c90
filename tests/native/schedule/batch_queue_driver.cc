// The queue of the dynamic batcher and what forms a batch, under a clock that the test sets (nanoseconds).
//   make KEY=VALUE...                 as batch_model.h says                             -> ok
//   push ID at=N KEY=VALUE...         as "enqueue" of driver.h                          -> ok, or full
//   cancel ID                                                                           -> ok
//   take at=N                         what an idle instance would do
//       -> rejected ID... cancelled ID... batch ID... again N
#include "schedule/batch_model.h"
#include "schedule/batch_policy.h"

namespace triton_lite {
namespace {

using testing::Arguments;

std::string Names(const char* what, const std::vector<RequestPtr>& requests) {
  std::string text = what;
  for (const RequestPtr& request : requests) {
    text.append(" ").append(request->id);
  }
  return text;
}

class QueueDriver {
 public:
  std::string Run(const Arguments& words) {
    const std::string command = words.word(0);
    if (command == "make") {
      return Make(words);
    }
    if (command == "push") {
      return Push(words);
    }
    if (command == "cancel") {
      tokens_[words.word(1)]->Cancel();
      return "ok";
    }
    return command == "take" ? Take(words.number("at")) : "error no command " + command;
  }

 private:
  std::string Make(const Arguments& words) {
    const ModelSpec spec = testing::ReadModel(words);
    policy_ = MakeBatchPolicy(spec);
    queue_ = RequestQueue(std::get<DynamicBatchingSpec>(spec.scheduler));
    tokens_.clear();
    return "ok";
  }

  std::string Push(const Arguments& words) {
    RequestPtr request = testing::ReadRequest(words, nullptr);
    request->times.queue_start = words.number("at");
    tokens_[request->id] = request->cancel;
    return queue_.Push(&request) ? "ok" : "full";
  }

  std::string Take(std::uint64_t now) {
    std::vector<RequestPtr> rejected;
    std::vector<RequestPtr> cancelled;
    std::vector<RequestPtr> batch;
    queue_.Expire(now, &rejected);
    BatchDecision decision = NextBatch(queue_, now, policy_);
    while (queue_.TakeCancelled(decision.count, &cancelled)) {
      decision = NextBatch(queue_, now, policy_);
    }
    queue_.Take(decision.count, &batch);
    return Names("rejected", rejected) + Names(" cancelled", cancelled) + Names(" batch", batch) + " again " +
           std::to_string(decision.look_again_at) + " left " + std::to_string(queue_.size()) + " " +
           std::to_string(queue_.elements()) + " next " + std::to_string(queue_.next_rejection());
  }

  BatchPolicy policy_;
  RequestQueue queue_;
  std::map<std::string, std::shared_ptr<CancelToken>> tokens_;
};

}  // namespace
}  // namespace triton_lite

int main() {
  triton_lite::QueueDriver driver;
  for (std::string line; std::getline(std::cin, line) && line != "quit";) {
    std::cout << driver.Run(triton_lite::testing::Arguments(line)) << std::endl;
  }
  return 0;
}
