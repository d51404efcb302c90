// The requests of one slot that wait for their turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/request.h"

namespace triton_lite {

// First in, first out; takes no memory while it was never used, as there may be thousands. A cancelled request may
// leave before its turn: a gap stays in its place, where the sequence ends as it would have ended with the request. Not
// thread-safe.
class SequenceQueue {
 public:
  // There is neither a request nor a gap.
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_ - (has_gap_ ? 1 : 0); }  // Requests.
  // Where front_cancelled() is false.
  InferenceRequest& front() const { return *items_[head_]; }
  bool front_cancelled() const { return !empty() && IsCancelled(items_[head_]); }
  bool has_cancelled() const { return has_gap_ || std::any_of(First(), items_.end(), IsCancelled); }

  void Push(RequestPtr request) { items_.push_back(std::move(request)); }

  RequestPtr Pop() {
    RequestPtr request = std::move(items_[head_++]);
    if (head_ == items_.size()) {
      items_.clear();
      head_ = 0;
    } else if (head_ > items_.size() / 2 + 16) {
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
    return request;
  }

  // Of a queue without cancelled requests.
  template <typename Action>
  void ForEach(const Action& action) const {
    for (std::size_t i = head_; i < items_.size(); ++i) {
      action(*items_[i]);
    }
  }

  // Moves every request to the end of `out`.
  void TakeAll(std::vector<RequestPtr>* out) {
    while (!empty()) {
      if (RequestPtr request = Pop()) {
        out->push_back(std::move(request));
      }
    }
    has_gap_ = false;
  }

  // Moves those that were cancelled to the end of `out`. The first leaves a gap; nothing behind it will run, so that
  // others need none. Says whether there were any.
  bool TakeCancelled(std::vector<RequestPtr>* out) {
    const auto first = std::find_if(First(), items_.end(), [](const RequestPtr& item) { return IsCancelled(item); });
    const std::size_t before = out->size();
    for (auto item = first; item != items_.end(); ++item) {
      if (*item != nullptr && IsCancelled(*item)) {
        out->push_back(std::move(*item));
      }
    }
    if (out->size() == before) {
      return false;
    }
    items_.erase(std::remove(first + 1, items_.end(), nullptr), items_.end());
    has_gap_ = true;
    return true;
  }

 private:
  static bool IsCancelled(const RequestPtr& item) { return item == nullptr || item->cancel->cancelled(); }

  std::vector<RequestPtr>::const_iterator First() const { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }
  std::vector<RequestPtr>::iterator First() { return items_.begin() + static_cast<std::ptrdiff_t>(head_); }

  std::vector<RequestPtr> items_;  // Null: a gap.
  std::size_t head_ = 0;
  bool has_gap_ = false;
};

}  // namespace triton_lite
