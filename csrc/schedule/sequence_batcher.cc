#include "schedule/sequence_batcher.h"

#include <algorithm>
#include <utility>

namespace triton_lite {

SequenceBatcher::SequenceBatcher(const Shared& shared, std::uint32_t index, std::uint32_t slots)
    : shared_(shared), index_(index), slots_(slots) {}

void SequenceBatcher::Open() {
  shared_.table->Open(index_);
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Release(i);
    if (slots_[i].taken) {
      Advance(i);
    }
  }
}

bool SequenceBatcher::idle() const {
  return unstarted() == 0 && cancelled_.empty() &&
         std::none_of(slots_.begin(), slots_.end(), [](const Slot& slot) { return slot.taken || slot.in_flight; });
}

void SequenceBatcher::Push(std::uint32_t slot, RequestPtr request, Sequence* sequence) {
  Slot& at = slots_[slot];
  request->sequence_slot = slot;
  at.queue.Push(std::move(request));
  at.sequence = sequence;
  at.taken = true;
  ++queued_;
  Advance(slot);
}

void SequenceBatcher::End(std::uint32_t slot) {
  slots_[slot].sequence = nullptr;
  slots_[slot].ends = true;
  Advance(slot);
}

void SequenceBatcher::EndIdle() {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    if (slot.sequence != nullptr && slot.queue.empty() && !slot.in_flight) {
      shared_.table->Forget(slot.sequence);
      End(i);
    }
  }
}

void SequenceBatcher::Finish(std::uint32_t slot, bool over) {
  Slot& at = slots_[slot];
  at.in_flight = false;
  if (over && at.sequence != nullptr) {
    shared_.table->Forget(at.sequence);
    at.sequence = nullptr;
    at.ends = true;
  }
  Advance(slot);
}

void SequenceBatcher::TakeCancelled(std::vector<RequestPtr>* out) {
  for (std::uint32_t i = 0; i < slots_.size(); ++i) {
    Slot& slot = slots_[i];
    queued_ -= slot.queue.size();
    const bool any = slot.queue.TakeCancelled(out);
    queued_ += slot.queue.size();
    if (any) {
      Advance(i);
    }
  }
}

void SequenceBatcher::Release(std::uint32_t slot) {
  Slot& at = slots_[slot];
  if (at.sequence != nullptr) {
    shared_.table->Forget(at.sequence);
    at.sequence = nullptr;
  }
  queued_ -= at.queue.size();
  at.queue.TakeAll(&cancelled_);
  at.ends = false;
  at.prepared = false;
  std::optional<SequenceTable::Tenant> tenant = shared_.table->Release({slot, index_}, &cancelled_);
  at.taken = tenant.has_value();
  if (!tenant) {
    return;
  }
  at.queue = std::move(tenant->queue);
  queued_ += at.queue.size();
  at.queue.ForEach([&](InferenceRequest& request) { request.sequence_slot = slot; });
  at.sequence = tenant->sequence;
  if (tenant->silent) {
    shared_.table->Forget(at.sequence);
    at.sequence = nullptr;
    at.ends = true;
  }
}

RequestPtr SequenceBatcher::Pop(std::uint32_t slot) {
  Slot& at = slots_[slot];
  RequestPtr request = at.queue.Pop();
  at.prepared = false;
  at.in_flight = true;
  --queued_;
  return request;
}

}  // namespace triton_lite
