// MakeOldestBatcher of sequence_batcher.h.
#include <utility>

#include "schedule/request_queue.h"
#include "schedule/sequence_batcher.h"

namespace triton_lite {
namespace {

class OldestBatcher final : public SequenceBatcher {
 public:
  using SequenceBatcher::SequenceBatcher;

  bool TakeBatch(std::uint64_t now, bool flush, SequenceBatch* batch) override {
    BatchDecision decision = Decide(now, flush);
    while (TakeCancelledReady(decision.count, &cancelled_)) {
      decision = Decide(now, flush);
    }
    batch->look_again_at = decision.look_again_at;
    ready_.Take(decision.count, &batch->requests);
    for (const RequestPtr& request : batch->requests) {
      request->times.queue_start = slots_[request->sequence_slot].arrived_at;
      batch->view.push_back(request.get());
    }
    return decision.count > 0;
  }

  void TakeCancelled(std::vector<RequestPtr>* out) override {
    SequenceBatcher::TakeCancelled(out);
    while (TakeCancelledReady(ready_.size(), out)) {  // The next of their sequences may be cancelled, too.
    }
  }

  bool HasWork(std::uint64_t now) const override { return !cancelled_.empty() || Decide(now, false).count > 0; }

  std::uint64_t due(std::uint64_t now) const override { return Decide(now, false).look_again_at; }

  std::size_t waiting() const override { return ready_.size(); }
  std::size_t unstarted() const override { return queued_ + ready_.size(); }

 private:
  // Those of the first `count`: their sequences go on. Says whether there were any.
  bool TakeCancelledReady(std::size_t count, std::vector<RequestPtr>* out) {
    std::vector<RequestPtr> cancelled;
    if (!ready_.TakeCancelled(count, &cancelled)) {
      return false;
    }
    for (RequestPtr& request : cancelled) {
      const std::uint32_t slot = request->sequence_slot;
      out->push_back(std::move(request));
      Finish(slot, /*over=*/false);
    }
    return true;
  }

  void Advance(std::uint32_t i) override {
    Slot& slot = slots_[i];
    while (!slot.in_flight) {
      if (slot.queue.empty()) {
        if (!slot.taken || !slot.ends) {
          return;
        }
        Release(i);
      } else if (slot.queue.front_cancelled()) {
        Release(i);
      } else {
        Issue(i);
      }
    }
  }

  void Issue(std::uint32_t i) {
    Slot& slot = slots_[i];
    RequestPtr request = Pop(i);
    shared_.inputs->AddTo(*request, slot.states);
    slot.arrived_at = request->times.queue_start;
    if (shared_.policy->max_queue_delay_nanoseconds != 0) {
      request->times.queue_start = NowNanoseconds();  // The delay counts from the time at which it can run.
    }
    const bool ends = (request->flags & kSequenceEnd) != 0;
    ready_.Push(&request);  // Without limits there is always a place.
    if (ends) {
      Release(i);  // What comes then waits for the request that was issued.
    }
  }

  BatchDecision Decide(std::uint64_t now, bool flush) const {
    return NextBatch(ready_, flush ? kFlush : now, *shared_.policy);
  }

  RequestQueue ready_;
};

}  // namespace

std::unique_ptr<SequenceBatcher> MakeOldestBatcher(const SequenceBatcher::Shared& shared, std::uint32_t index,
                                                   std::uint32_t slots) {
  return std::make_unique<OldestBatcher>(shared, index, slots);
}

}  // namespace triton_lite
