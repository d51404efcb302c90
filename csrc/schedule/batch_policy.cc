#include "schedule/batch_policy.h"

#include <algorithm>
#include <cstring>

namespace triton_lite {
namespace {

// Of the shapes that the backend sees, without the batch dimension.
bool SameShape(const Shape& a, const Shape& b) {
  return a.size() == b.size() && (a.empty() || std::equal(a.begin() + 1, a.end(), b.begin() + 1));
}

bool SameContent(const Buffer& a, const Buffer& b) {
  // What lies on a device cannot be compared here: such requests do not mix.
  if (a.kind == MemoryKind::kDevice || b.kind == MemoryKind::kDevice || a.size != b.size) {
    return false;
  }
  return a.size == 0 || std::memcmp(a.data, b.data, a.size) == 0;
}

bool Agree(const BatchedInput& rule, const InputTensor& a, const InputTensor& b) {
  if (rule.equal_content) {  // Without a batch dimension.
    return a.model_shape == b.model_shape && SameContent(a.data, b.data);
  }
  return !rule.equal_shape || SameShape(a.model_shape, b.model_shape);
}

std::uint32_t Elements(const InferenceRequest& request) { return std::max(1u, request.batch_size); }

// The longest batch from the head of the queue, and the best place to cut it short.
class Growth {
 public:
  explicit Growth(const BatchPolicy& policy) : policy_(policy) {}

  // The next request of the queue. False when it cannot join: waiting will not make the batch grow.
  bool Add(const InferenceRequest& request) {
    const std::uint64_t grown = size_ + Elements(request);
    if (count_ > 0) {
      // Past every preferred size: what is there so far is as good as it gets.
      if (grown > policy_.preferred_sizes.back() && preferred_count_ == 0) {
        preferred_count_ = count_;
      }
      if (grown > policy_.max_batch_size || !MayShareBatch(*first_, request, policy_)) {
        closed_ = true;
        return false;
      }
    } else {
      first_ = &request;
      oldest_ = request.times.queue_start;
    }
    size_ = grown;
    ++count_;
    oldest_ = std::min(oldest_, request.times.queue_start);
    if (std::binary_search(policy_.preferred_sizes.begin(), policy_.preferred_sizes.end(), grown)) {
      preferred_count_ = count_;
    }
    return true;
  }

  BatchDecision Decide(std::uint64_t now) const {
    const std::uint64_t delay = policy_.max_queue_delay_nanoseconds;
    const std::uint64_t deadline = oldest_ + delay;
    const bool overdue = delay != 0 && now >= deadline;
    if (preferred_count_ != 0 && !overdue) {
      return {.count = preferred_count_};
    }
    if (closed_ || size_ >= policy_.preferred_sizes.back() || overdue || delay == 0) {
      return {.count = count_};
    }
    return {.look_again_at = deadline};
  }

 private:
  const BatchPolicy& policy_;
  const InferenceRequest* first_ = nullptr;
  std::size_t count_ = 0;            // Requests that fit together.
  std::uint64_t size_ = 0;           // Their elements.
  std::uint64_t oldest_ = 0;         // When the one that waits longest came: the first, unless others have priority.
  std::size_t preferred_count_ = 0;  // Requests up to the best preferred size; 0: none was met.
  bool closed_ = false;
};

bool IsVariable(const TensorSpec& input) {
  return std::any_of(input.dims.begin(), input.dims.end(), [](std::int64_t dim) { return dim < 0; });
}

}  // namespace

bool MayShareBatch(const InferenceRequest& a, const InferenceRequest& b, const BatchPolicy& policy) {
  if (!policy.compare_inputs) {
    return true;
  }
  if (a.inputs.size() != b.inputs.size()) {
    return false;
  }
  auto rule = policy.inputs.begin();
  for (std::size_t i = 0; i < a.inputs.size(); ++i) {
    if (policy.optional_inputs && a.inputs[i].name != b.inputs[i].name) {
      return false;
    }
    while (rule != policy.inputs.end() && rule->name != a.inputs[i].name) {
      ++rule;
    }
    if (rule == policy.inputs.end() || !Agree(*rule, a.inputs[i], b.inputs[i])) {
      return false;
    }
  }
  return true;
}

BatchPolicy MakeBatchPolicy(const ModelSpec& spec) {
  BatchPolicy policy;
  const auto* batching = std::get_if<DynamicBatchingSpec>(&spec.scheduler);
  if (batching == nullptr) {
    return policy;
  }
  policy.dynamic = true;
  policy.max_batch_size = static_cast<std::uint32_t>(std::max(1, spec.max_batch_size));
  for (const std::int32_t size : batching->preferred_batch_size) {
    policy.preferred_sizes.push_back(static_cast<std::uint32_t>(std::max(1, size)));
  }
  if (policy.preferred_sizes.empty()) {
    policy.preferred_sizes.push_back(policy.max_batch_size);
  }
  std::sort(policy.preferred_sizes.begin(), policy.preferred_sizes.end());
  constexpr std::uint64_t kLongest = kFlush / 1000 / 2;
  policy.max_queue_delay_nanoseconds = std::min(batching->max_queue_delay_microseconds, kLongest) * 1000;
  for (const TensorSpec& input : spec.inputs) {
    const BatchedInput rule{input.name, IsVariable(input) && !input.allow_ragged_batch, input.is_shape_tensor};
    policy.optional_inputs |= input.optional;
    policy.compare_inputs |= input.optional || rule.equal_shape || rule.equal_content;
    policy.inputs.push_back(rule);
  }
  return policy;
}

BatchDecision NextBatch(const RequestQueue& queue, std::uint64_t now, const BatchPolicy& policy) {
  if (queue.empty()) {
    return {};
  }
  if (!policy.dynamic) {
    return {.count = 1};
  }
  Growth growth(policy);
  queue.Each([&](const InferenceRequest& request) { return growth.Add(request); });
  return growth.Decide(now);
}

bool IsBatchAlone(const InferenceRequest& request, const BatchPolicy& policy) {
  if (!policy.dynamic) {
    return true;
  }
  Growth growth(policy);
  growth.Add(request);
  return growth.Decide(request.times.queue_start).count == 1;
}

}  // namespace triton_lite
