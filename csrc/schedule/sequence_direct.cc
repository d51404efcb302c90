// MakeDirectBatcher of sequence_batcher.h.
#include <algorithm>
#include <limits>
#include <utility>

#include "schedule/sequence_batcher.h"

namespace triton_lite {
namespace {

constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();
constexpr std::uint64_t kLongestDelayMicroseconds = kNever / 1000 / 2;

class DirectBatcher final : public SequenceBatcher {
 public:
  DirectBatcher(const Shared& shared, std::uint32_t index, std::uint32_t slots, const DirectStrategySpec& strategy)
      : SequenceBatcher(shared, index, slots),
        delay_nanoseconds_(std::min(strategy.max_queue_delay_microseconds, kLongestDelayMicroseconds) * 1000),
        minimum_utilization_(strategy.minimum_slot_utilization) {}

  bool TakeBatch(std::uint64_t now, bool flush, SequenceBatch* batch) override {
    ending_ = false;
    for (std::uint32_t i = 0; i < active_; ++i) {
      Settle(i);
    }
    const Survey found = Look();
    const std::uint64_t deadline = flush ? 0 : Deadline(found);
    if (found.slots > 0 && now >= deadline) {
      Collect(found, batch);
    } else if (found.slots > 0) {
      batch->look_again_at = deadline;
    }
    while (active_ > 0 && !slots_[active_ - 1].taken) {
      --active_;
    }
    return !batch->requests.empty();
  }

  bool HasWork(std::uint64_t now) const override {
    if (ending_ || !cancelled_.empty()) {
      return true;
    }
    if (queued_ == 0 || !delays()) {
      return queued_ > 0;
    }
    return now >= Deadline(Look());
  }

  std::uint64_t due(std::uint64_t) const override { return queued_ > 0 ? Deadline(Look()) : 0; }

 private:
  // The requests that come next.
  struct Survey {
    std::uint32_t slots = 0;  // Up to the last that has one.
    std::uint32_t ready = 0;
    std::uint64_t oldest = kNever;
  };

  bool delays() const { return delay_nanoseconds_ != 0 && minimum_utilization_ != 0; }

  void Advance(std::uint32_t slot) override {
    active_ = std::max(active_, slot + 1);
    ending_ |= slots_[slot].queue.empty() ? slots_[slot].ends : slots_[slot].queue.front_cancelled();
  }

  // Lets the next sequence into a slot whose own is over.
  void Settle(std::uint32_t i) {
    Slot& slot = slots_[i];
    const bool over = slot.queue.empty() ? slot.taken && slot.ends : slot.queue.front_cancelled();
    if (over) {
      Release(i);
    }
    if (!slot.queue.empty() && !slot.prepared) {
      shared_.inputs->AddTo(slot.queue.front(), slot.states);
      slot.prepared = true;
    }
  }

  Survey Look() const {
    Survey found;
    for (std::uint32_t i = 0; i < active_; ++i) {
      if (!slots_[i].queue.empty()) {
        found.slots = i + 1;
        ++found.ready;
        found.oldest = std::min(found.oldest, slots_[i].queue.front().times.queue_start);
      }
    }
    return found;
  }

  // When they are to be run.
  std::uint64_t Deadline(const Survey& found) const {
    const float utilization = static_cast<float>(found.ready) / static_cast<float>(slots_.size());
    return delays() && utilization < minimum_utilization_ ? found.oldest + delay_nanoseconds_ : 0;
  }

  void Collect(const Survey& found, SequenceBatch* batch) {
    InferenceRequest* like = nullptr;  // Null requests and those that may join are like the first.
    for (std::uint32_t i = 0; like == nullptr; ++i) {
      like = slots_[i].queue.empty() ? nullptr : &slots_[i].queue.front();
    }
    // The last place is for a request that can join.
    for (std::uint32_t i = 0; i < found.slots; ++i) {
      Slot& slot = slots_[i];
      if (slot.queue.empty() ||
          (&slot.queue.front() != like && !MayShareBatch(*like, slot.queue.front(), *shared_.policy))) {
        if (batch->null == nullptr) {
          batch->null = shared_.inputs->MakeNull(*like);
        }
        batch->view.push_back(batch->null.get());
        continue;
      }
      batch->requests.push_back(Pop(i));
      InferenceRequest* const request = batch->requests.back().get();
      batch->view.push_back(request);
      if ((request->flags & kSequenceEnd) != 0) {
        Release(i);
      }
    }
  }

  const std::uint64_t delay_nanoseconds_;
  const float minimum_utilization_;
  std::uint32_t active_ = 0;  // No slot from here on has a sequence.
  bool ending_ = false;       // A sequence has ended without another request, or where one was cancelled.
};

}  // namespace

std::unique_ptr<SequenceBatcher> MakeDirectBatcher(const SequenceBatcher::Shared& shared, std::uint32_t index,
                                                   std::uint32_t slots, const DirectStrategySpec& strategy) {
  return std::make_unique<DirectBatcher>(shared, index, slots, strategy);
}

}  // namespace triton_lite
