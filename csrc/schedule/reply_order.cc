#include "schedule/reply_order.h"

#include <utility>

namespace triton_lite {

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
  bool HasCredit() override { return slot_->responder->HasCredit(); }
  void OnCredit(std::function<void()> hook) override { slot_->responder->OnCredit(std::move(hook)); }
  void OnReschedule() override { slot_->responder->OnReschedule(); }

  const std::shared_ptr<Slot>& slot() const { return slot_; }

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

void ReplyOrder::Release(RequestPtr request) {
  const std::shared_ptr<Slot> slot = static_cast<SlotResponder&>(*request->responder).slot();
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
  std::vector<Reply> replies;
  std::shared_ptr<Slot> first;
  {
    MutexLock lock(mu_);
    if (reply == nullptr || reply->last) {
      slot.ended = true;
    }
    if (reply != nullptr) {
      slot.waiting.push_back(std::move(*reply));
    }
    if (delivering_ || !TakeDeliverable(&replies, &first)) {
      return;
    }
    delivering_ = true;
  }
  for (bool more = true; more;) {
    for (Reply& next : replies) {
      std::move(next).Deliver(*first->responder);
    }
    replies.clear();
    RequestPtr executed;
    {
      MutexLock lock(mu_);
      const std::shared_ptr<Slot> done = first;
      if (done->ended && done->waiting.empty()) {
        done->left = true;
        executed = std::move(done->request);
        slots_.pop_front();
      }
      more = TakeDeliverable(&replies, &first);
      delivering_ = more;
      if (executed != nullptr) {
        executed->responder = std::move(done->responder);
      }
    }
  }
}

bool ReplyOrder::TakeDeliverable(std::vector<Reply>* replies, std::shared_ptr<Slot>* slot) {
  if (slots_.empty() || (slots_.front()->waiting.empty() && !slots_.front()->ended)) {
    return false;
  }
  *slot = slots_.front();
  replies->swap((*slot)->waiting);
  return true;
}

}  // namespace triton_lite
