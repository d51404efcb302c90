// The slots of one instance, and what runs next of the requests in them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "core/request.h"
#include "schedule/batch_policy.h"
#include "schedule/sequence_inputs.h"
#include "schedule/sequence_queue.h"
#include "schedule/sequence_table.h"

namespace triton_lite {

// What an instance is to run at once.
struct SequenceBatch {
  std::vector<RequestPtr> requests;
  RequestPtr null;                      // In every place of a sequence that has none, if there are such.
  std::vector<InferenceRequest*> view;  // Both, in the order of the batch.
  std::uint64_t look_again_at = 0;      // Nothing was taken: when that may change by itself; 0: it does not.
};

// Not thread-safe. One batch at a time: Finish before the next TakeBatch that finds something.
class SequenceBatcher {
 public:
  // What all batchers of a model share; outlives them.
  struct Shared {
    const SequenceInputs* inputs = nullptr;
    const BatchPolicy* policy = nullptr;
    SequenceTable* table = nullptr;
  };

  SequenceBatcher(const Shared& shared, std::uint32_t index, std::uint32_t slots);
  virtual ~SequenceBatcher() = default;
  SequenceBatcher(const SequenceBatcher&) = delete;
  SequenceBatcher& operator=(const SequenceBatcher&) = delete;

  // Its slots get sequences: those that wait come at once. Once.
  void Open();

  // Its slots get no more sequences. Once it is idle, nothing will ever come here.
  void Close() { shared_.table->Close(index_); }
  bool idle() const;

  // A request of the sequence in `slot`; `sequence` is null if it ends with it.
  void Push(std::uint32_t slot, RequestPtr request, Sequence* sequence);

  // The sequence in `slot`, which the table has forgotten, ends after the requests that it has.
  void End(std::uint32_t slot);

  // Ends sequences that have no request here, for those of the backlog.
  void EndIdle();

  // The next batch. True when there is one: the requests have their controls and states.
  virtual bool TakeBatch(std::uint64_t now, bool flush, SequenceBatch* batch) = 0;

  // Moves the requests that were cancelled before they ran to the end of `out`. Where one waited for others of its
  // sequence, the sequence ends once these have run, as if it had stayed.
  virtual void TakeCancelled(std::vector<RequestPtr>* out);

  // Whether TakeBatch would find something, or cancelled requests are to be answered.
  virtual bool HasWork(std::uint64_t now) const = 0;

  // Nothing new comes: when HasWork will be true nevertheless; 0: never.
  virtual std::uint64_t due(std::uint64_t now) const = 0;

  // A request of `slot` was executed, or dropped. `over`: its sequence ends, unless it has with that request.
  void Finish(std::uint32_t slot, bool over);

  // Requests that wait here to be put into a batch.
  virtual std::size_t waiting() const { return queued_; }
  // And those that wait for others of their sequences.
  virtual std::size_t unstarted() const { return queued_; }

  // Requests that were cancelled with their sequences, since the last call.
  std::vector<RequestPtr>& cancelled() { return cancelled_; }

 protected:
  struct Slot {
    SequenceQueue queue;
    Sequence* sequence = nullptr;  // While others than those in the queue may come.
    bool taken = false;            // By a sequence.
    bool ends = false;             // Once the queue is empty.
    bool prepared = false;         // The first of the queue has its controls and states.
    bool in_flight = false;        // A request of it was taken, and is not finished.
    std::uint64_t arrived_at = 0;  // The queue_start of that.
    SequenceStates states;
  };

  // Something about `slot` changed.
  virtual void Advance(std::uint32_t slot) = 0;

  // Gives the slot to the next sequence. What is left in its queue is cancelled.
  void Release(std::uint32_t slot);
  RequestPtr Pop(std::uint32_t slot);

  const Shared shared_;
  const std::uint32_t index_;
  std::vector<Slot> slots_;
  std::vector<RequestPtr> cancelled_;
  std::size_t queued_ = 0;  // In the queues of the slots.
};

// A batch has a place for each slot, always the same for a sequence; empty places get null requests.
std::unique_ptr<SequenceBatcher> MakeDirectBatcher(const SequenceBatcher::Shared& shared, std::uint32_t index,
                                                   std::uint32_t slots, const DirectStrategySpec& strategy);

// A dynamic batcher over the first requests of the sequences, which come in the order of their arrival.
std::unique_ptr<SequenceBatcher> MakeOldestBatcher(const SequenceBatcher::Shared& shared, std::uint32_t index,
                                                   std::uint32_t slots);

}  // namespace triton_lite
