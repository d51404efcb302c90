#include "schedule/batch_policy.h"

#include <algorithm>
#include <random>
#include <set>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::AddInput;
using testing::MakeRequest;

constexpr std::uint64_t kStart = 1'000'000;  // When the first request of each case came.

ModelSpec Batching(std::int32_t max_batch_size, std::vector<std::int32_t> preferred, std::uint64_t delay_us) {
  ModelSpec spec;
  spec.max_batch_size = max_batch_size;
  DynamicBatchingSpec batching;
  batching.preferred_batch_size = std::move(preferred);
  batching.max_queue_delay_microseconds = delay_us;
  spec.scheduler = std::move(batching);
  return spec;
}

std::vector<RequestPtr> Queue(const std::vector<std::uint32_t>& sizes) {
  std::vector<RequestPtr> queue;
  for (const std::uint32_t size : sizes) {
    queue.push_back(MakeRequest("", nullptr, size));
    queue.back()->times.queue_start = kStart + queue.size() - 1;
  }
  return queue;
}

// The decision over `requests`, which come back.
BatchDecision Decide(std::vector<RequestPtr>& requests, std::uint64_t now, const BatchPolicy& policy) {
  RequestQueue queue;
  for (RequestPtr& request : requests) {
    queue.Push(&request);
  }
  requests.clear();
  const BatchDecision decision = NextBatch(queue, now, policy);
  queue.Take(queue.size(), &requests);
  return decision;
}

BatchDecision Decide(std::vector<RequestPtr>&& requests, std::uint64_t now, const BatchPolicy& policy) {
  return Decide(requests, now, policy);
}

struct Row {
  const char* what;
  std::vector<std::int32_t> preferred;
  std::uint64_t delay_us;
  std::vector<std::uint32_t> queue;
  std::uint64_t age;  // Nanoseconds since kStart.
  std::size_t count;
  std::uint64_t look_again_at;
};

// Maximum batch size 8.
const Row kRows[] = {
    {"nothing waits", {}, 0, {}, 0, 0, 0},
    {"without a delay one request goes at once", {}, 0, {1}, 0, 1, 0},
    {"all that fit", {}, 0, {1, 2, 1}, 0, 3, 0},
    {"up to the maximum", {}, 0, {3, 3, 3}, 0, 2, 0},
    {"a preferred size is better than a larger batch", {4}, 0, {2, 2, 1}, 0, 2, 0},
    {"the largest preferred size that is met", {2, 4}, 0, {1, 1, 1, 1, 1}, 0, 4, 0},
    {"no preferred size is met: before it would be passed", {4}, 0, {3, 2}, 0, 1, 0},
    {"fewer than preferred go at once without a delay", {4}, 0, {1, 1}, 0, 2, 0},
    {"fewer than preferred wait for the delay of the first", {4}, 100, {1, 1}, 50, 0, kStart + 100'000},
    {"the delay is over", {4}, 100, {1, 1}, 100'000, 2, 0},
    {"the delay is over: all that fit, preferred or not", {4}, 100, {2, 2, 1}, 100'000, 3, 0},
    {"a preferred size does not wait", {2, 4}, 100, {1, 1}, 0, 2, 0},
    {"a full batch does not wait", {}, 100, {4, 4}, 0, 2, 0},
    {"what cannot grow does not wait", {}, 100, {5, 4}, 0, 1, 0},
    {"larger than preferred does not wait", {4}, 100, {6}, 0, 1, 0},
};

TEST(FormsBatchesByTheTable) {
  for (const Row& row : kRows) {
    const BatchPolicy policy = MakeBatchPolicy(Batching(8, row.preferred, row.delay_us));
    const BatchDecision decision = Decide(Queue(row.queue), kStart + row.age, policy);
    if (decision.count != row.count || decision.look_again_at != row.look_again_at) {
      testing::Report(__FILE__, __LINE__, row.what);
    }
  }
}

TEST(DefaultSchedulerRunsOneRequestABatch) {
  ModelSpec spec;
  spec.max_batch_size = 8;
  const BatchPolicy policy = MakeBatchPolicy(spec);
  CHECK_EQ(Decide(Queue({1, 1}), kStart, policy).count, 1u);
  CHECK_EQ(Decide(Queue({20}), kStart, policy).count, 1u);
}

TEST(FlushingIgnoresTheDelay) {
  const BatchPolicy policy = MakeBatchPolicy(Batching(8, {}, std::numeric_limits<std::uint64_t>::max()));
  CHECK_EQ(Decide(Queue({1, 1}), kStart, policy).count, 0u);
  CHECK_EQ(Decide(Queue({1, 1}), kFlush, policy).count, 2u);
}

TensorSpec Input(std::string name, Shape dims) {
  TensorSpec input;
  input.name = std::move(name);
  input.dims = std::move(dims);
  return input;
}

std::vector<RequestPtr> QueueOfShapes(const std::vector<Shape>& shapes) {
  std::vector<RequestPtr> queue = Queue(std::vector<std::uint32_t>(shapes.size(), 1));
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    AddInput(*queue[i], "IN", shapes[i]);
  }
  return queue;
}

TEST(DifferentShapesDoNotMix) {
  ModelSpec spec = Batching(8, {}, 100);
  spec.inputs = {Input("IN", {-1})};
  auto queue = QueueOfShapes({{1, 4}, {1, 4}, {1, 5}});
  CHECK_EQ(Decide(queue, kStart, MakeBatchPolicy(spec)).count, 2u);
  spec.inputs[0].allow_ragged_batch = true;
  CHECK_EQ(Decide(queue, kFlush, MakeBatchPolicy(spec)).count, 3u);
}

TEST(TheBatchDimensionMayDiffer) {
  ModelSpec spec = Batching(8, {}, 0);
  spec.inputs = {Input("IN", {-1})};
  CHECK_EQ(Decide(QueueOfShapes({{1, 4}, {3, 4}}), kStart, MakeBatchPolicy(spec)).count, 2u);
}

TEST(ShapeTensorsAgreeInContent) {
  ModelSpec spec = Batching(8, {}, 0);
  spec.inputs = {Input("IN", {2})};
  spec.inputs[0].is_shape_tensor = true;
  auto queue = QueueOfShapes({{1, 2}, {1, 2}, {1, 2}});
  std::byte content[3][2] = {{std::byte{1}, std::byte{2}}, {std::byte{1}, std::byte{2}}, {std::byte{1}, std::byte{3}}};
  for (std::size_t i = 0; i < queue.size(); ++i) {
    queue[i]->inputs[0].data = {content[i], 2, nullptr};
  }
  CHECK_EQ(Decide(queue, kStart, MakeBatchPolicy(spec)).count, 2u);
  queue[1]->inputs[0].data.kind = MemoryKind::kDevice;
  CHECK_EQ(Decide(queue, kStart, MakeBatchPolicy(spec)).count, 1u);
}

TEST(ShapeTensorsAgreeInTheirWholeShape) {
  ModelSpec spec = Batching(8, {}, 0);
  spec.inputs = {Input("IN", {-1})};
  spec.inputs[0].is_shape_tensor = true;  // Without a batch dimension.
  CHECK_EQ(Decide(QueueOfShapes({{2}, {3}}), kStart, MakeBatchPolicy(spec)).count, 1u);
  CHECK_EQ(Decide(QueueOfShapes({{2}, {2}}), kStart, MakeBatchPolicy(spec)).count, 2u);
}

TEST(TheDelayCountsFromTheOldestWhateverItsPriority) {
  DynamicBatchingSpec batching;
  batching.max_queue_delay_microseconds = 100;
  batching.priority_levels = 2;
  batching.default_priority_level = 2;
  RequestQueue queue(batching);
  ModelSpec spec;
  spec.max_batch_size = 8;
  spec.scheduler = batching;
  for (const std::uint64_t priority : {2, 1}) {
    RequestPtr request = MakeRequest("", nullptr);
    request->priority = priority;
    request->times.queue_start = priority == 2 ? kStart : kStart + 50'000;
    queue.Push(&request);
  }
  CHECK_EQ(NextBatch(queue, kStart + 60'000, MakeBatchPolicy(spec)).look_again_at, kStart + 100'000);
  CHECK_EQ(NextBatch(queue, kStart + 100'000, MakeBatchPolicy(spec)).count, 2u);
}

TEST(DifferentSetsOfOptionalInputsDoNotMix) {
  ModelSpec spec = Batching(8, {}, 0);
  spec.inputs = {Input("A", {1}), Input("B", {1}), Input("C", {1})};
  spec.inputs[1].optional = true;
  spec.inputs[2].optional = true;
  const BatchPolicy policy = MakeBatchPolicy(spec);
  auto queue = Queue({1, 1, 1, 1});
  for (const RequestPtr& request : queue) {
    AddInput(*request, "A", {1, 1});
  }
  AddInput(*queue[2], "B", {1, 1});
  AddInput(*queue[3], "C", {1, 1});
  CHECK_EQ(Decide(queue, kStart, policy).count, 2u);
  queue.erase(queue.begin(), queue.begin() + 2);
  CHECK_EQ(Decide(queue, kStart, policy).count, 1u);
}

// The rules once more, as plainly as they can be said: all prefixes are tried.
BatchDecision Plainly(std::span<const RequestPtr> queue, std::uint64_t now, const std::vector<std::int32_t>& preferred,
                      std::uint64_t delay, std::uint64_t max) {
  const std::set<std::uint64_t> sizes(preferred.begin(), preferred.end());
  std::size_t longest = 0;
  std::vector<std::uint64_t> sums;
  std::uint64_t sum = 0;
  for (const RequestPtr& request : queue) {
    sum += request->batch_size;
    const Shape& shape = request->inputs[0].model_shape;
    if (longest > 0 && (sum > max || shape[1] != queue[0]->inputs[0].model_shape[1])) {
      break;
    }
    sums.push_back(sum);
    ++longest;
  }
  const bool can_grow = longest == queue.size();
  const std::uint64_t deadline = queue[0]->times.queue_start + delay;
  if (delay != 0 && now >= deadline) {
    return {.count = longest};
  }
  std::size_t best = 0;
  for (std::size_t n = longest; n > 0 && best == 0; --n) {
    best = sizes.count(sums[n - 1]) > 0 ? n : 0;
  }
  if (best != 0) {
    return {.count = best};
  }
  // None is met: stop before the one that passes them all, unless it is the first.
  for (std::size_t n = 1; n < queue.size() && n <= longest; ++n) {
    if (sums[n - 1] + queue[n]->batch_size > *sizes.rbegin()) {
      return {.count = n};
    }
  }
  const bool wait = delay != 0 && can_grow && sums[longest - 1] < *sizes.rbegin();
  return wait ? BatchDecision{.look_again_at = deadline} : BatchDecision{.count = longest};
}

TEST(AgreesWithThePlainRulesOnRandomQueues) {
  std::mt19937 random(20240607);  // NOLINT: the same cases in every run
  const auto pick = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  for (int i = 0; i < 200'000; ++i) {
    const int max = pick(1, 12);
    std::vector<std::int32_t> preferred;
    for (int n = pick(1, 3); n > 0; --n) {
      preferred.push_back(pick(1, max));
    }
    const auto delay = static_cast<std::uint64_t>(pick(0, 2));
    ModelSpec spec = Batching(max, preferred, delay);
    spec.inputs = {Input("IN", {-1})};
    std::vector<RequestPtr> queue;
    for (int n = pick(1, 8); n > 0; --n) {
      queue.push_back(MakeRequest("", nullptr, static_cast<std::uint32_t>(pick(1, max))));
      queue.back()->times.queue_start = kStart;
      AddInput(*queue.back(), "IN", {queue.back()->batch_size, pick(0, 9) == 0 ? 2 : 1});
    }
    const std::uint64_t now = kStart + static_cast<std::uint64_t>(pick(0, 2000));
    const BatchDecision got = Decide(queue, now, MakeBatchPolicy(spec));
    const BatchDecision want = Plainly(queue, now, preferred, delay * 1000, static_cast<std::uint64_t>(max));
    CHECK_EQ(got.count, want.count);
    CHECK_EQ(got.look_again_at, want.look_again_at);
    CHECK(got.count > 0 || got.look_again_at > now);
  }
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
