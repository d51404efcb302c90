// A first-in, first-out queue that shows what waits as one span.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "core/request.h"

namespace triton_lite {

struct WaitingRequest {
  RequestPtr request;
  std::uint64_t deadline = 0;  // Steady-clock nanoseconds after which the request has waited too long; 0: never.
};

// Not thread-safe. All operations are O(1) or O(count), amortised; no allocation once it has grown.
class RequestFifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }

  // In the order of arrival. Valid until the next change.
  std::span<const WaitingRequest> waiting() const { return std::span(items_).subspan(head_); }

  void Push(WaitingRequest item) { items_.push_back(std::move(item)); }

  // Gives the first `count` (or all, if there are fewer) to `take`.
  template <typename Take>
  void TakeFirst(std::size_t count, Take&& take) {
    count = std::min(count, size());
    for (std::size_t i = 0; i < count; ++i) {
      take(std::move(items_[head_ + i]));
    }
    head_ += count;
    Compact();
  }

  // Gives those of the first `count` (or of all) that `leaves` is true for to `take`, in their order.
  template <typename Leaves, typename Take>
  void TakeIf(std::size_t count, Leaves&& leaves, Take&& take) {
    const auto first = items_.begin() + static_cast<std::ptrdiff_t>(head_);
    const auto last = first + static_cast<std::ptrdiff_t>(std::min(count, size()));
    auto kept = first;
    for (auto it = first; it != last; ++it) {
      if (leaves(*it)) {
        take(std::move(*it));
      } else if (it != kept) {
        *kept++ = std::move(*it);
      } else {
        ++kept;
      }
    }
    items_.erase(kept, last);
    Compact();
  }

 private:
  // Drops the moved-from head once it is the larger part, so that the cost stays constant for each request.
  void Compact() {
    if (head_ == items_.size() || head_ > items_.size() / 2 + 64) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  std::vector<WaitingRequest> items_;
  std::size_t head_ = 0;
};

}  // namespace triton_lite
