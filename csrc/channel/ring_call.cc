#include "channel/ring_call.h"

#include <utility>

namespace triton_lite {
RingCall::RingCall(std::shared_ptr<Peer> peer) : peer_(std::move(peer)) {}

RingCall::~RingCall() {
  if (!accepted_) {
    return;
  }
  if (!ended_.exchange(true, std::memory_order_acq_rel)) {
    peer_->Send(id(), Answer{.status = Internal("the request was dropped"), .message = {}, .segments = {}}, true);
  }
  if ((frame_.head().flags & kSlotHoldsMemory) != 0) {
    peer_->ReleaseRequest(IndexOf(id()), frame_.memory_byte_size());
  }
}

bool RingCall::HasCredit() const {
  return sent_.load(std::memory_order_relaxed) - peer_->taken_answers(IndexOf(id())) < kStreamWindow;
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
  if (last ? ended_.exchange(true, std::memory_order_acq_rel) : ended()) {
    return;
  }
  sent_.fetch_add(1, std::memory_order_relaxed);
  peer_->Send(id(), answer, last);
  if (last) {
    cancel_.Drop();
  }
}

}  // namespace triton_lite
