#include "schedule/reply_order.h"

#include <utility>

namespace triton_lite {

namespace {

// Responses of a decoupled request before its turn; more wait in the model.
constexpr std::size_t kMostWaiting = 16;

}  // namespace

class ReplyOrder::SlotResponder : public Responder {
 public:
  SlotResponder(ReplyOrder* order, std::shared_ptr<Slot> slot) : order_(order), slot_(std::move(slot)) {}

  ~SlotResponder() override {
    if (!ended_) {
      order_->Post(*slot_, nullptr);
    }
  }

  OutputMemory& memory() override { return slot_->responder->memory(); }
  void Send(InferenceResponse response, bool last) override { Post(Reply::Send(std::move(response), last)); }
  void Fail(Status status) override { Post(Reply::Fail(std::move(status))); }
  void Finish() override { Post(Reply::Finish()); }
  bool HasCredit() override { return order_->HasCredit(*slot_); }
  void OnCredit(std::function<void()> hook) override { order_->OnCredit(*slot_, std::move(hook)); }
  void OnReschedule() override { slot_->responder->OnReschedule(); }
  void Retain(RequestPtr& request) override { order_->Retain(slot_, request); }

 private:
  void Post(Reply reply) {
    ended_ = ended_ || reply.last;
    order_->Post(*slot_, &reply);
  }

  ReplyOrder* order_;
  std::shared_ptr<Slot> slot_;
  bool ended_ = false;
};

void ReplyOrder::Admit(InferenceRequest& request) {
  auto slot = std::make_shared<Slot>();
  slot->responder = std::move(request.responder);
  request.responder = std::make_unique<SlotResponder>(this, slot);
  MutexLock lock(mu_);
  slots_.push_back(std::move(slot));
}

// A copy of the pointer: what holds the other one ends here.
void ReplyOrder::Retain(std::shared_ptr<Slot> slot, RequestPtr& request) {
  {
    MutexLock lock(mu_);
    if (!slot->left) {
      slot->request = std::move(request);
      return;
    }
  }
  request->responder = std::move(slot->responder);
}

void ReplyOrder::Post(Slot& slot, Reply* reply) {
  Turn turn;
  {
    MutexLock lock(mu_);
    if (reply == nullptr || reply->last) {
      slot.ended = true;
    }
    if (reply != nullptr) {
      slot.waiting.push_back(std::move(*reply));
    }
    if (delivering_ || !TakeTurn(&turn)) {
      return;
    }
    delivering_ = true;
  }
  for (bool more = true; more;) {
    Responder& responder = *turn.slot->responder;
    for (std::function<void()>& hook : turn.credit_hooks) {
      responder.OnCredit(std::move(hook));
    }
    turn.credit_hooks.clear();
    for (Reply& next : turn.replies) {
      std::move(next).Deliver(responder);
    }
    turn.replies.clear();
    const std::shared_ptr<Slot> done = turn.slot;
    RequestPtr executed;
    {
      MutexLock lock(mu_);
      if (done->ended && done->waiting.empty()) {
        done->left = true;
        executed = std::move(done->request);
        slots_.pop_front();
      }
      more = TakeTurn(&turn);
      delivering_ = more;
    }
    if (executed != nullptr) {
      executed->responder = std::move(done->responder);
    }
  }
}

bool ReplyOrder::TakeTurn(Turn* turn) {
  if (slots_.empty() || (slots_.front()->waiting.empty() && !slots_.front()->ended)) {
    return false;
  }
  turn->slot = slots_.front();
  turn->replies.swap(turn->slot->waiting);
  turn->credit_hooks.swap(turn->slot->credit_hooks);
  return true;
}

bool ReplyOrder::IsFull(const Slot& slot) const {
  return slot.waiting.size() >= kMostWaiting && slots_.front().get() != &slot;
}

bool ReplyOrder::HasCredit(const Slot& slot) const {
  {
    MutexLock lock(mu_);
    if (IsFull(slot)) {
      return false;
    }
  }
  return slot.responder->HasCredit();
}

void ReplyOrder::OnCredit(Slot& slot, std::function<void()> hook) {
  {
    MutexLock lock(mu_);
    if (IsFull(slot)) {
      slot.credit_hooks.push_back(std::move(hook));
      return;
    }
  }
  slot.responder->OnCredit(std::move(hook));
}

}  // namespace triton_lite
