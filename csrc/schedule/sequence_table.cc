#include "schedule/sequence_table.h"

#include <algorithm>
#include <iterator>

namespace triton_lite {
namespace {

// Longer than anybody waits; the sum with a clock reading fits.
constexpr std::uint64_t kLongestMicroseconds = std::uint64_t{1} << 50;

std::uint64_t ToNanoseconds(std::uint64_t microseconds) { return std::min(microseconds, kLongestMicroseconds) * 1000; }

}  // namespace

SequenceTable::SequenceTable(std::uint64_t idle_microseconds) : idle_nanoseconds_(ToNanoseconds(idle_microseconds)) {}

Sequence* SequenceTable::Find(const CorrelationId& id) {
  const auto found = sequences_.find(id);
  return found == sequences_.end() ? nullptr : &found->second;
}

std::optional<SlotPlace> SequenceTable::TakeSlot(const std::function<bool(std::uint32_t)>& up) {
  if (free_slots_.empty()) {
    return std::nullopt;
  }
  auto slot =
      std::find_if(free_slots_.begin(), free_slots_.end(), [&up](const SlotPlace& place) { return up(place.batcher); });
  slot = slot == free_slots_.end() ? free_slots_.begin() : slot;
  return free_slots_.extract(slot).value();
}

SequenceTable::Destination SequenceTable::Take(RequestPtr& request, Sequence* sequence, std::uint64_t now,
                                               const std::function<bool(std::uint32_t)>& up) {
  const bool ends = (request->flags & kSequenceEnd) != 0;
  if (sequence != nullptr) {
    Watch(*sequence, now);
    const std::optional<SlotPlace> place = sequence->place;
    if (!place) {
      AddToBacklog(sequence->backlog, std::move(request), now);
    }
    if (ends) {
      Forget(sequence);
    }
    return {place, ends ? nullptr : sequence};
  }
  const std::optional<SlotPlace> place = TakeSlot(up);
  if (!ends) {
    const auto added = sequences_.try_emplace(request->correlation_id).first;
    sequence = &added->second;
    sequence->id = &added->first;
    sequence->place = place;
    Watch(*sequence, now);
  }
  if (!place) {
    const auto backlog = backlogs_.emplace(backlogs_.end());
    if (sequence != nullptr) {
      sequence->backlog = backlog;
      backlog->sequence = sequence;
    }
    AddToBacklog(backlog, std::move(request), now);
  }
  return {place, sequence};
}

void SequenceTable::AddToBacklog(std::list<Backlog>::iterator backlog, RequestPtr request, std::uint64_t now) {
  if (request->timeout_microseconds != 0) {
    const std::uint64_t expires_at = now + ToNanoseconds(request->timeout_microseconds);
    backlog->expires_at = std::min(backlog->expires_at, expires_at);
    first_expiry_ = std::min(first_expiry_, expires_at);
  }
  backlog->queue.Push(std::move(request));
  ++backlog_requests_;
}

void SequenceTable::Close(std::uint32_t batcher) {
  closed_.insert(batcher);
  std::erase_if(free_slots_, [batcher](const SlotPlace& place) { return place.batcher == batcher; });
}

void SequenceTable::Forget(Sequence* sequence) {
  if (!sequence->place) {
    sequence->backlog->sequence = nullptr;
  }
  Unwatch(*sequence);
  sequences_.erase(*sequence->id);
}

std::optional<SequenceTable::Tenant> SequenceTable::Release(SlotPlace place, std::vector<RequestPtr>* cancelled) {
  if (closed_.contains(place.batcher)) {
    return std::nullopt;
  }
  while (!backlogs_.empty()) {
    Backlog backlog = std::move(backlogs_.front());
    backlog_requests_ -= backlog.queue.size();
    if (backlog.sequence != nullptr) {
      backlog.sequence->place = place;  // It has no backlog any more.
    }
    backlogs_.pop_front();
    if (backlog.queue.has_cancelled()) {
      backlog.queue.TakeAll(cancelled);
      if (backlog.sequence != nullptr) {
        Forget(backlog.sequence);
      }
      continue;
    }
    return Tenant{std::move(backlog.queue), backlog.sequence,
                  backlog.sequence != nullptr && !backlog.sequence->watched};
  }
  free_slots_.insert(place);
  return std::nullopt;
}

void SequenceTable::TakeCancelled(std::vector<RequestPtr>* out) {
  const std::size_t before = out->size();
  for (auto backlog = backlogs_.begin(); backlog != backlogs_.end();) {
    const bool any = backlog->queue.TakeCancelled(out);
    const bool over = any && backlog->queue.size() == 0 && backlog->sequence == nullptr;  // Nobody can ask for it.
    backlog = over ? backlogs_.erase(backlog) : std::next(backlog);
  }
  backlog_requests_ -= out->size() - before;
}

std::vector<SlotPlace> SequenceTable::TakeSilent(std::uint64_t now) {
  std::vector<SlotPlace> places;
  while (longest_silent_ != nullptr && now - longest_silent_->last_seen >= idle_nanoseconds_) {
    Sequence* const sequence = longest_silent_;
    if (sequence->place) {
      places.push_back(*sequence->place);
      Forget(sequence);
    } else {
      Unwatch(*sequence);  // Until it gets a slot, or is heard of again.
    }
  }
  return places;
}

void SequenceTable::TakeExpired(std::uint64_t now, std::vector<RequestPtr>* expired) {
  if (now < first_expiry_) {
    return;
  }
  first_expiry_ = Backlog::kNever;
  for (auto backlog = backlogs_.begin(); backlog != backlogs_.end();) {
    if (backlog->expires_at > now) {
      first_expiry_ = std::min(first_expiry_, backlog->expires_at);
      ++backlog;
      continue;
    }
    if (backlog->sequence != nullptr) {
      Forget(backlog->sequence);
    }
    backlog_requests_ -= backlog->queue.size();
    backlog->queue.TakeAll(expired);
    backlog = backlogs_.erase(backlog);
  }
}

std::uint64_t SequenceTable::next_deadline() const {
  const std::uint64_t silence =
      longest_silent_ == nullptr ? Backlog::kNever : longest_silent_->last_seen + idle_nanoseconds_;
  return std::min(silence, first_expiry_);
}

void SequenceTable::Watch(Sequence& sequence, std::uint64_t now) {
  Unwatch(sequence);
  sequence.last_seen = now;
  sequence.watched = true;
  sequence.before = last_seen_;
  (last_seen_ != nullptr ? last_seen_->after : longest_silent_) = &sequence;
  last_seen_ = &sequence;
}

void SequenceTable::Unwatch(Sequence& sequence) {
  if (!sequence.watched) {
    return;
  }
  (sequence.before != nullptr ? sequence.before->after : longest_silent_) = sequence.after;
  (sequence.after != nullptr ? sequence.after->before : last_seen_) = sequence.before;
  sequence.before = nullptr;
  sequence.after = nullptr;
  sequence.watched = false;
}

}  // namespace triton_lite
