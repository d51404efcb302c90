// Lets the replies of concurrent requests leave in the order in which the requests were admitted
// (dynamic_batching.preserve_ordering).
#pragma once

#include <deque>
#include <functional>
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
  // Takes the next place for `request` and puts itself between it and its responder, which from then on retains the
  // request until its replies have left.
  void Admit(InferenceRequest& request) EXCLUDES(mu_);

 private:
  struct Slot {
    std::unique_ptr<Responder> responder;  // The request's own.
    std::vector<Reply> waiting;
    std::vector<std::function<void()>> credit_hooks;  // For its turn.
    bool ended = false;
    bool left = false;   // Everything was handed over.
    RequestPtr request;  // Set by Retain if the replies had not left then.
  };
  class SlotResponder;

  void Retain(std::shared_ptr<Slot> slot, RequestPtr& request) EXCLUDES(mu_);
  // No reply: the request was dropped unanswered; its own responder says so when it is destroyed.
  void Post(Slot& slot, Reply* reply) EXCLUDES(mu_);
  struct Turn {
    std::shared_ptr<Slot> slot;
    std::vector<Reply> replies;
    std::vector<std::function<void()>> credit_hooks;
  };
  bool TakeTurn(Turn* turn) REQUIRES(mu_);
  // Whether as much waits for the slot's turn as may.
  bool IsFull(const Slot& slot) const REQUIRES(mu_);
  bool HasCredit(const Slot& slot) const EXCLUDES(mu_);
  void OnCredit(Slot& slot, std::function<void()> hook) EXCLUDES(mu_);

  mutable Mutex mu_;
  std::deque<std::shared_ptr<Slot>> slots_ GUARDED_BY(mu_);
  bool delivering_ GUARDED_BY(mu_) = false;
};

}  // namespace triton_lite
