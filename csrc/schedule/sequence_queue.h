// The requests of one slot that wait for their turn.
#pragma once

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

#include "core/request.h"

namespace triton_lite {

// First in, first out; takes no memory while it was never used, as there may be thousands. Not thread-safe.
class SequenceQueue {
 public:
  bool empty() const { return head_ == items_.size(); }
  std::size_t size() const { return items_.size() - head_; }
  InferenceRequest& front() const { return *items_[head_]; }
  InferenceRequest& back() const { return *items_.back(); }
  bool has_cancelled() const {
    return std::any_of(items_.begin() + static_cast<std::ptrdiff_t>(head_), items_.end(),
                       [](const RequestPtr& request) { return request->cancel->cancelled(); });
  }

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

  template <typename Action>
  void ForEach(const Action& action) const {
    for (std::size_t i = head_; i < items_.size(); ++i) {
      action(*items_[i]);
    }
  }

  // Moves everything to the end of `out`.
  void TakeAll(std::vector<RequestPtr>* out) {
    while (!empty()) {
      out->push_back(Pop());
    }
  }

 private:
  std::vector<RequestPtr> items_;
  std::size_t head_ = 0;
};

}  // namespace triton_lite
