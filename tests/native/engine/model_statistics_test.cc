#include "engine/model_statistics.h"

#include <thread>
#include <vector>

#include "check.h"

using namespace triton_lite;

namespace {

// 5 waited, 10 to gather its inputs, 20 to run, 40 for its outputs; 100 in all.
InferenceRequest Executed(std::uint32_t batch_size, std::uint32_t execution_batch_size) {
  InferenceRequest request;
  request.batch_size = batch_size;
  request.execution_batch_size = execution_batch_size;
  request.times.request_start = 1000;
  request.times.queue_start = 1005;
  request.times.compute_start = 1010;
  request.times.compute_input_end = 1020;
  request.times.compute_output_start = 1040;
  request.times.compute_end = 1080;
  request.times.request_end = 1100;
  return request;
}

}  // namespace

TEST(CountsNothingAtFirst) {
  const StatisticsSnapshot counts = ModelStatistics().Snapshot();
  CHECK_EQ(counts.last_inference_milliseconds, 0u);
  CHECK_EQ(counts.success.count, 0u);
  CHECK(counts.by_batch_size.empty());
}

TEST(CountsABatchOnceAndEachOfItsRequests) {
  ModelStatistics statistics;
  statistics.Record(MeasureRequest(Executed(1, 3), {}, ModelSpec()));
  statistics.Record(MeasureRequest(Executed(2, 0), {}, ModelSpec()));
  const StatisticsSnapshot counts = statistics.Snapshot();
  CHECK(counts.last_inference_milliseconds > 0);
  CHECK_EQ(counts.inference_count, 3u);
  CHECK_EQ(counts.execution_count, 1u);
  CHECK_EQ(counts.success.count, 2u);
  CHECK_EQ(counts.success.nanoseconds, 200u);
  CHECK_EQ(counts.queue.nanoseconds, 10u);
  CHECK_EQ(counts.compute_input.nanoseconds, 20u);
  CHECK_EQ(counts.compute_infer.nanoseconds, 40u);
  CHECK_EQ(counts.compute_output.nanoseconds, 80u);
  REQUIRE(counts.by_batch_size.size() == 1);
  const BatchDurations& batch = counts.by_batch_size.at(3);
  CHECK_EQ(batch.compute_infer.count, 1u);
  CHECK_EQ(batch.compute_infer.nanoseconds, 20u);
}

TEST(CountsFailuresByReason) {
  ModelStatistics statistics;
  InferenceRequest refused;
  refused.times.request_start = 1000;
  refused.times.request_end = 1007;
  for (const FailureReason reason : {FailureReason::kRejected, FailureReason::kRejected, FailureReason::kCanceled,
                                     FailureReason::kBackend, FailureReason::kOther, FailureReason::kUncounted}) {
    refused.failure_reason = reason;
    statistics.Record(MeasureRequest(refused, Unavailable("no"), ModelSpec()));
  }
  const StatisticsSnapshot counts = statistics.Snapshot();
  CHECK_EQ(counts.failure.count, 5u);
  CHECK_EQ(counts.failure.nanoseconds, 35u);
  CHECK_EQ(counts.failures[static_cast<std::size_t>(FailureReason::kRejected)], 2u);
  CHECK_EQ(counts.failures[static_cast<std::size_t>(FailureReason::kOther)], 1u);
  CHECK_EQ(counts.success.count, 0u);
  CHECK_EQ(counts.execution_count, 0u);
}

// As Triton does.
TEST(CountsTheFailureOfAnEnsembleTwice) {
  ModelSpec ensemble;
  ensemble.scheduler.emplace<EnsembleSpec>();
  InferenceRequest request = Executed(1, 1);
  request.times.compute_end = 0;
  ModelStatistics statistics;
  statistics.Record(MeasureRequest(request, Unavailable("in ensemble 'e', no"), ensemble));
  const StatisticsSnapshot counts = statistics.Snapshot();
  CHECK_EQ(counts.failure.count, 2u);
  CHECK_EQ(counts.failure.nanoseconds, 200u);
  CHECK_EQ(counts.failures[static_cast<std::size_t>(FailureReason::kOther)], 2u);
}

// The model ran; only what became of its answer failed.
TEST(CountsTheExecutionOfARequestThatFailedAfterIt) {
  ModelStatistics statistics;
  InferenceRequest request = Executed(2, 2);
  request.failure_reason = FailureReason::kBackend;
  statistics.Record(MeasureRequest(request, Internal("no room for the answer"), ModelSpec()));
  CHECK_EQ(statistics.Snapshot().execution_count, 1u);
  CHECK_EQ(statistics.Snapshot().inference_count, 0u);
  request.times.compute_end = 0;  // The backend itself failed.
  statistics.Record(MeasureRequest(request, Internal("no"), ModelSpec()));
  CHECK_EQ(statistics.Snapshot().execution_count, 1u);
}

TEST(CountsAnswersOfTheCache) {
  ModelStatistics statistics;
  InferenceRequest hit;
  hit.batch_size = 4;
  hit.cache_outcome = CacheOutcome::kHit;
  hit.times.request_start = 1000;
  hit.times.queue_start = hit.times.cache_lookup_start = 1010;
  hit.times.cache_lookup_end = 1013;
  hit.times.request_end = 1020;
  statistics.Record(MeasureRequest(hit, {}, ModelSpec()));
  InferenceRequest miss = Executed(1, 1);
  miss.cache_outcome = CacheOutcome::kMiss;
  miss.times.cache_lookup_start = 1006;
  miss.times.cache_lookup_end = 1008;
  miss.times.cache_insert_start = 1085;
  miss.times.cache_insert_end = 1090;
  statistics.Record(MeasureRequest(miss, {}, ModelSpec()));
  const StatisticsSnapshot counts = statistics.Snapshot();
  CHECK_EQ(counts.success.count, 2u);
  CHECK_EQ(counts.inference_count, 1u);
  CHECK_EQ(counts.execution_count, 1u);
  CHECK_EQ(counts.compute_infer.count, 1u);
  CHECK_EQ(counts.cache_hit.count, 1u);
  CHECK_EQ(counts.cache_hit.nanoseconds, 3u);
  CHECK_EQ(counts.cache_miss.count, 1u);
  CHECK_EQ(counts.cache_miss.nanoseconds, 7u);
}

TEST(LosesNothingBetweenThreads) {
  ModelStatistics statistics;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        statistics.Record(MeasureRequest(Executed(1, 1), {}, ModelSpec()));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK_EQ(statistics.Snapshot().success.count, 4000u);
  CHECK_EQ(statistics.Snapshot().by_batch_size.at(1).compute_input.count, 4000u);
}

TEST_MAIN()
