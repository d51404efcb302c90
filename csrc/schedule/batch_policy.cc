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
  if ((rule.equal_shape || rule.equal_content) && !SameShape(a.model_shape, b.model_shape)) {
    return false;
  }
  return !rule.equal_content || SameContent(a.data, b.data);
}

// May `a` and `b` be in one batch? Both hold their inputs in the order of policy.inputs.
bool Agree(const InferenceRequest& a, const InferenceRequest& b, const BatchPolicy& policy) {
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

std::uint32_t Elements(const RequestPtr& request) { return std::max(1u, request->batch_size); }

// The longest batch from the head of the queue, and the best place to cut it short.
struct Growth {
  std::size_t count = 0;            // Requests that fit together.
  std::uint64_t size = 0;           // Their elements.
  std::size_t preferred_count = 0;  // Requests up to the best preferred size; 0: none was met.
  bool closed = false;              // The next request cannot join: waiting will not make the batch grow.
};

Growth Grow(std::span<const RequestPtr> queue, const BatchPolicy& policy) {
  Growth growth;
  const std::uint64_t largest_preferred = policy.preferred_sizes.back();
  for (const RequestPtr& request : queue) {
    const std::uint64_t grown = growth.size + Elements(request);
    if (growth.count > 0) {
      // Past every preferred size: what is there so far is as good as it gets.
      if (grown > largest_preferred && growth.preferred_count == 0) {
        growth.preferred_count = growth.count;
      }
      if (grown > policy.max_batch_size || (policy.compare_inputs && !Agree(*queue.front(), *request, policy))) {
        growth.closed = true;
        break;
      }
    }
    growth.size = grown;
    ++growth.count;
    if (std::binary_search(policy.preferred_sizes.begin(), policy.preferred_sizes.end(), grown)) {
      growth.preferred_count = growth.count;
    }
  }
  return growth;
}

bool IsVariable(const TensorSpec& input) {
  return std::any_of(input.dims.begin(), input.dims.end(), [](std::int64_t dim) { return dim < 0; });
}

}  // namespace

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

BatchDecision NextBatch(std::span<const RequestPtr> queue, std::uint64_t now, const BatchPolicy& policy) {
  if (queue.empty()) {
    return {};
  }
  if (!policy.dynamic) {
    return {.count = 1};
  }
  const Growth growth = Grow(queue, policy);
  const std::uint64_t delay = policy.max_queue_delay_nanoseconds;
  const std::uint64_t deadline = queue.front()->times.queue_start + delay;
  const bool overdue = delay != 0 && now >= deadline;
  if (growth.preferred_count != 0 && !overdue) {
    return {.count = growth.preferred_count};
  }
  if (growth.closed || growth.size >= policy.preferred_sizes.back() || overdue || delay == 0) {
    return {.count = growth.count};
  }
  return {.look_again_at = deadline};
}

}  // namespace triton_lite
