// A first-in, first-out queue that shows what waits as one span.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

#include "core/request.h"

namespace triton_lite {

// Not thread-safe. All operations are O(1) or O(count), amortised; no allocation once it has grown.
class RequestQueue {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  std::uint64_t elements() const { return elements_; }  // Sum of the batch sizes.

  // In the order of arrival. Valid until the next change.
  std::span<const RequestPtr> waiting() const { return std::span(items_).subspan(head_); }

  void Push(RequestPtr request) {
    elements_ += request->batch_size;
    items_.push_back(std::move(request));
  }

  // Moves the first `count` to the end of `out`.
  void Take(std::size_t count, std::vector<RequestPtr>* out) {
    for (std::size_t i = 0; i < count; ++i) {
      elements_ -= items_[head_ + i]->batch_size;
      out->push_back(std::move(items_[head_ + i]));
    }
    head_ += count;
    Compact();
  }

  // Moves those of the first `count` that were cancelled to the end of `out`; says whether there were any.
  bool TakeCancelled(std::size_t count, std::vector<RequestPtr>* out) {
    const auto first = items_.begin() + static_cast<std::ptrdiff_t>(head_);
    const auto last = first + static_cast<std::ptrdiff_t>(count);
    const auto live = [](const RequestPtr& request) { return !request->cancel->cancelled(); };
    if (std::all_of(first, last, live)) {
      return false;
    }
    const auto kept = std::stable_partition(first, last, live);
    for (auto it = kept; it != last; ++it) {
      elements_ -= (*it)->batch_size;
      out->push_back(std::move(*it));
    }
    items_.erase(kept, last);
    Compact();
    return true;
  }

 private:
  // Drops the moved-from head once it is the larger part, so that the cost stays constant for each request.
  void Compact() {
    if (head_ == items_.size() || head_ > items_.size() / 2 + 64) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  std::vector<RequestPtr> items_;
  std::size_t head_ = 0;
  std::uint64_t elements_ = 0;
};

}  // namespace triton_lite
