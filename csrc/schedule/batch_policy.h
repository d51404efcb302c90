// "What forms the next batch": a pure function of the queue, the clock and the model's configuration.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"
#include "schedule/request_queue.h"

namespace triton_lite {

// What must agree between the requests of one batch, for one input of the model.
struct BatchedInput {
  std::string name;
  bool equal_shape = false;    // Variable dimensions of a tensor that is not ragged.
  bool equal_content = false;  // Shape tensors.
};

struct BatchPolicy {
  bool dynamic = false;                           // False: the default scheduler, each request is a batch.
  std::uint32_t max_batch_size = 1;               // Elements.
  std::vector<std::uint32_t> preferred_sizes;     // Ascending; {max_batch_size} when the model names none.
  std::uint64_t max_queue_delay_nanoseconds = 0;  // 0: never wait for a batch to grow.
  bool optional_inputs = false;                   // Requests with different sets of inputs do not mix.
  bool compare_inputs = false;                    // Any of `inputs` or optional_inputs asks for a look at the requests.
  std::vector<BatchedInput> inputs;               // In the order of the configuration.
};

BatchPolicy MakeBatchPolicy(const ModelSpec& spec);

// May `a` and `b` be in one batch? Both hold their inputs in the order of policy.inputs.
bool MayShareBatch(const InferenceRequest& a, const InferenceRequest& b, const BatchPolicy& policy);

// Either a batch of the first `count` requests, or (count 0) when to look again if nothing else happens.
struct BatchDecision {
  std::size_t count = 0;
  std::uint64_t look_again_at = 0;  // Steady-clock nanoseconds; 0: not before another request comes.
};

// A clock reading past every queue delay: what waits is batched as it is.
inline constexpr std::uint64_t kFlush = std::numeric_limits<std::uint64_t>::max();

// An instance is free to run the batch, and what timed out has left the queue.
BatchDecision NextBatch(const RequestQueue& queue, std::uint64_t now, const BatchPolicy& policy);

// True: a request that has just come to an empty queue is a batch at once.
bool IsBatchAlone(const InferenceRequest& request, const BatchPolicy& policy);

}  // namespace triton_lite
