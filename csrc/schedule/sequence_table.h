// Which sequences live, and where: in a slot of a batcher, or in the backlog while all slots are taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <optional>
#include <set>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/request.h"
#include "schedule/sequence_queue.h"

namespace triton_lite {

// Slots with low numbers are given out first, so that batches stay small.
struct SlotPlace {
  std::uint32_t slot = 0;
  std::uint32_t batcher = 0;

  friend auto operator<=>(const SlotPlace&, const SlotPlace&) = default;
};

struct Backlog;

// From its first request until the one with the END flag was taken, or until it was silent for too long.
struct Sequence {
  const CorrelationId* id = nullptr;
  std::optional<SlotPlace> place;        // None: in the backlog.
  std::list<Backlog>::iterator backlog;  // If it has no place.
  std::uint64_t last_seen = 0;           // Steady-clock nanoseconds.
  bool watched = false;                  // In the list of the silent ones.
  Sequence* before = nullptr;            // Neighbours there, by last_seen.
  Sequence* after = nullptr;
};

// Requests of a sequence that waits for a slot, in their order.
struct Backlog {
  SequenceQueue queue;
  std::uint64_t expires_at = kNever;
  Sequence* sequence = nullptr;  // Null once its END request is among them.

  static constexpr std::uint64_t kNever = ~std::uint64_t{0};
};

// Not thread-safe. Everything but expiry is O(1), or O(log slots) where a slot is given out.
class SequenceTable {
 public:
  // Sequences of which nothing is heard for that long end.
  explicit SequenceTable(std::uint64_t idle_microseconds);
  SequenceTable(const SequenceTable&) = delete;
  SequenceTable& operator=(const SequenceTable&) = delete;

  // The slots of a batcher get no more sequences, until it is opened again: its sequences end where they are.
  void Close(std::uint32_t batcher);
  void Open(std::uint32_t batcher) { closed_.erase(batcher); }

  std::size_t live() const { return sequences_.size(); }
  std::size_t backlog_requests() const { return backlog_requests_; }

  Sequence* Find(const CorrelationId& id);

  // Where a request goes. Without a place it has been put into the backlog.
  struct Destination {
    std::optional<SlotPlace> place;
    Sequence* sequence = nullptr;  // Null if it ends with this request.
  };
  // Takes note of a request of its sequence: one that lives (`sequence`), or starts (null). That one gets the next slot
  // of a batcher that is `up`, and one of another only if there is none.
  Destination Take(RequestPtr& request, Sequence* sequence, std::uint64_t now,
                   const std::function<bool(std::uint32_t)>& up);

  // The sequence of a slot ends, if it lives still: another one may start with its id.
  void Forget(Sequence* sequence);

  // A slot is free. Gives it to the sequence that waits longest, whose requests come back with it, or to the next one
  // that starts. Sequences with a cancelled request are dropped from the backlog: their requests go to `cancelled`.
  struct Tenant {
    SequenceQueue queue;
    Sequence* sequence = nullptr;  // Null if it ends with one of its requests.
    bool silent = false;           // It has been for too long.
  };
  std::optional<Tenant> Release(SlotPlace place, std::vector<RequestPtr>* cancelled);

  // Moves the cancelled requests of the backlog to the end of `out`. Their sequences stay, to be dropped in their turn.
  void TakeCancelled(std::vector<RequestPtr>* out);

  // Sequences that were silent for too long: those with a place are forgotten, and their places returned.
  std::vector<SlotPlace> TakeSilent(std::uint64_t now);
  // Moves the requests of backlogs whose time is over to `expired`.
  void TakeExpired(std::uint64_t now, std::vector<RequestPtr>* expired);
  // When one of both may have something next; kNever when nothing can.
  std::uint64_t next_deadline() const;

 private:
  // Numbers and texts that look like them are different ids.
  std::unordered_map<CorrelationId, Sequence> sequences_;
  std::list<Backlog> backlogs_;
  std::size_t backlog_requests_ = 0;
  std::uint64_t first_expiry_ = Backlog::kNever;  // No backlog expires before.
  std::set<SlotPlace> free_slots_;
  std::set<std::uint32_t> closed_;  // Batchers.

  std::optional<SlotPlace> TakeSlot(const std::function<bool(std::uint32_t)>& up);
  void Watch(Sequence& sequence, std::uint64_t now);
  void Unwatch(Sequence& sequence);
  void AddToBacklog(std::list<Backlog>::iterator backlog, RequestPtr request, std::uint64_t now);

  const std::uint64_t idle_nanoseconds_;
  Sequence* longest_silent_ = nullptr;
  Sequence* last_seen_ = nullptr;
};

}  // namespace triton_lite
