// Lets the replies of concurrent requests leave in the order in which the requests were admitted
// (dynamic_batching.preserve_ordering).
#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "core/mutex.h"
#include "core/request.h"
#include "schedule/reply.h"

namespace triton_lite {

// Thread-safe. Replies are handed over without a lock, by one thread at a time: whoever finds another one doing it
// leaves its reply with that thread, so that a reply may start other requests of the same model.
class ReplyOrder {
 public:
  // Takes the next place for `request` and puts itself between it and its responder.
  void Admit(InferenceRequest& request) EXCLUDES(mu_);

  // Takes back an admitted request that was executed; it lives until its replies have left.
  void Release(RequestPtr request) EXCLUDES(mu_);

 private:
  struct Slot {
    std::unique_ptr<Responder> responder;  // The request's own.
    std::vector<Reply> waiting;
    bool ended = false;
    bool left = false;   // Everything was handed over.
    RequestPtr request;  // Set by Release if the replies had not left then.
  };
  class SlotResponder;

  // No reply: the request was dropped unanswered; its own responder says so when it is destroyed.
  void Post(Slot& slot, Reply* reply) EXCLUDES(mu_);
  bool TakeDeliverable(std::vector<Reply>* replies, std::shared_ptr<Slot>* slot) REQUIRES(mu_);

  Mutex mu_;
  std::deque<std::shared_ptr<Slot>> slots_ GUARDED_BY(mu_);
  bool delivering_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite
