// The calls of one client that are in flight, by index.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "channel/client.h"
#include "channel/layout.h"

namespace triton_lite {

// Not thread-safe. An index serves again once the caller has the last answer and the engine has let go of the
// request's memory.
class CallTable {
 public:
  using Owners = std::vector<std::shared_ptr<void>>;

  struct Entry {
    CallId id = 0;               // 0: not in use, or only held for its memory.
    bool waited = false;         // Somebody waits for this call: Poll does not return its answers.
    bool last_received = false;  // The last answer lies here or in the client's list.
    bool holds_memory = false;
    Owners owners;
    std::vector<ReceivedAnswerPtr> answers;  // Of a call that is waited for.
  };

  explicit CallTable(std::uint32_t size) : entries_(size) {
    for (std::uint32_t i = size; i > 0; --i) {
      free_.push_back(i - 1);
    }
  }

  bool full() const { return free_.empty(); }
  std::size_t in_flight() const { return in_flight_; }

  // A fresh entry; the table is not full.
  Entry& Open(Owners owners) {
    const std::uint32_t index = free_.back();
    free_.pop_back();
    Entry& entry = entries_[index];
    entry = Entry();
    entry.id = ++sequence_ << kIndexBits | index;
    entry.holds_memory = !owners.empty();
    entry.owners = std::move(owners);
    ++in_flight_;
    return entry;
  }

  // Null when the call is not in flight.
  Entry* Find(CallId id) {
    const std::uint32_t index = IndexOf(id);
    return id != 0 && index < entries_.size() && entries_[index].id == id ? &entries_[index] : nullptr;
  }

  // The caller has the last answer.
  void End(Entry& entry) {
    const std::uint32_t index = IndexOf(entry.id);
    entry.id = 0;
    --in_flight_;
    if (!entry.holds_memory) {
      free_.push_back(index);
    }
  }

  // The engine reads the request's memory no more. The owners, to be let go by the caller.
  Owners ReleaseMemory(std::uint32_t index) {
    Entry& entry = entries_[index];
    if (!entry.holds_memory) {
      return {};
    }
    entry.holds_memory = false;
    if (entry.id == 0) {
      free_.push_back(index);
    }
    return std::exchange(entry.owners, {});
  }

  std::vector<Entry>& entries() { return entries_; }

 private:
  std::vector<Entry> entries_;
  std::vector<std::uint32_t> free_;  // Last in, first out: their memory is warm.
  std::uint64_t sequence_ = 0;
  std::size_t in_flight_ = 0;
};

}  // namespace triton_lite
