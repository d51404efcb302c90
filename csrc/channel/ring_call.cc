#include "channel/ring_call.h"

#include <utility>

#include "channel/wakeup.h"

namespace triton_lite {
RingCall::RingCall(std::shared_ptr<Peer> peer) : peer_(std::move(peer)), credit_(peer_->stream_window()) {}

RingCall::~RingCall() {
  if (!accepted_) {
    return;
  }
  if (!ended_.exchange(true, std::memory_order_acq_rel)) {
    peer_->Send(id(), Answer{.status = Internal("the request was dropped"), .message = {}, .segments = {}}, true,
                many());
  }
  if ((frame_.head().flags & kSlotHoldsMemory) != 0) {
    peer_->ReleaseRequest(IndexOf(id()), frame_.memory_byte_size());
  }
}

void RingCall::Cancel() {
  cancel_.Cancel();
  credit_.Close();
}

bool RingCall::HasCredit() { return !many() || credit_.Has(peer_->taken_answers(id())); }

void RingCall::OnCredit(std::function<void()> hook) {
  if (!many()) {
    hook();
    return;
  }
  credit_.Await(std::move(hook), peer_->taken_answers(id()));
  OfferCredit();
}

void RingCall::OfferCredit() {
  if (!credit_.Offer(peer_->taken_answers(id()))) {
    return;
  }
  peer_->AwaitCredit(weak_from_this());
  FullFence();
  // What the client took before it could see that somebody waits.
  credit_.Offer(peer_->taken_answers(id()));
}

Result<Buffer> RingCall::Allocate(std::size_t byte_size) {
  if (byte_size <= kScratchByteSize) {
    const std::size_t rounded = (byte_size + 63) / 64 * 64;
    const std::size_t at = scratch_used_.fetch_add(rounded, std::memory_order_relaxed);
    if (at + rounded <= kScratchByteSize) {
      return Buffer{scratch_ + at, byte_size, std::shared_ptr<void>(shared_from_this(), scratch_ + at)};
    }
  }
  return peer_->Allocate(byte_size);
}

void RingCall::Reply(Answer answer, bool last) {
  // Nobody waits for more than the last answer of a call that was given up.
  if (last ? ended_.exchange(true, std::memory_order_acq_rel) : ended() || cancel_.token()->cancelled()) {
    return;
  }
  if (many()) {
    credit_.Sent(ByteSizeOf(answer));
  }
  peer_->Send(id(), answer, last, many());
  if (last) {
    cancel_.Drop();
    if (many()) {
      credit_.Close();
    }
  }
}

}  // namespace triton_lite
