#include "metrics/metrics_registry.h"

#include <string>
#include <thread>

#include "check.h"
#include "metrics/queue_wait.h"

namespace triton_lite {
namespace {

ModelMetricsSpec Named(const std::string& name, bool cached = false) {
  return {.labels = {{"model", name}, {"version", "1"}}, .cached = cached, .buckets = {}};
}

RequestFigures Success() {
  RequestFigures figures;
  figures.succeeded = true;
  figures.batch_size = 3;
  figures.execution_batch_size = 3;
  figures.request = 1'001'999;
  figures.queue = 200'999;
  figures.compute_input = 1'999;
  figures.compute_infer = 700'000;
  figures.compute_output = 999;
  figures.responded = true;
  figures.first_response = 101'900'000;
  return figures;
}

bool Contains(const std::string& text, const std::string& line) { return text.find(line + "\n") != std::string::npos; }

std::string All(const MetricsRegistry& registry) {
  const MetricsText text = registry.Text(std::nullopt);
  return text.counters + text.gauges + text.cache + text.distributions;
}

}  // namespace

TEST(AServerWithoutModelsHasNoFamilies) {
  MetricsRegistry registry(
      {.counters = true, .histograms = true, .summaries = std::vector<QuantileTarget>{{0.5, 0.1}}});
  CHECK_EQ(All(registry), "");
}

TEST(CountersCutEachDurationToMicroseconds) {
  MetricsRegistry registry({});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  model->Record(Success());
  model->Record(Success());
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_request_success{model="a",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_inference_count{model="a",version="1"} 6)"));
  CHECK(Contains(text, R"(nv_inference_exec_count{model="a",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_inference_request_duration_us{model="a",version="1"} 2002)"));
  CHECK(Contains(text, R"(nv_inference_queue_duration_us{model="a",version="1"} 400)"));
  CHECK(Contains(text, R"(nv_inference_compute_input_duration_us{model="a",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_inference_compute_infer_duration_us{model="a",version="1"} 1400)"));
  CHECK(Contains(text, R"(nv_inference_compute_output_duration_us{model="a",version="1"} 0)"));
  CHECK(text.find("cache") == text.find("cached requests"));
  CHECK(text.find("summary") == std::string::npos);
  CHECK(text.find("histogram") == std::string::npos);
}

TEST(FailuresHaveReasons) {
  MetricsRegistry registry({});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  for (const FailureReason reason : {FailureReason::kOther, FailureReason::kRejected, FailureReason::kCanceled,
                                     FailureReason::kBackend, FailureReason::kBackend, FailureReason::kUncounted}) {
    RequestFigures figures;
    figures.failure_reason = reason;
    model->Record(figures);
  }
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_request_failure{model="a",reason="OTHER",version="1"} 1)"));
  CHECK(Contains(text, R"(nv_inference_request_failure{model="a",reason="REJECTED",version="1"} 1)"));
  CHECK(Contains(text, R"(nv_inference_request_failure{model="a",reason="CANCELED",version="1"} 1)"));
  CHECK(Contains(text, R"(nv_inference_request_failure{model="a",reason="BACKEND",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_inference_request_success{model="a",version="1"} 0)"));
}

TEST(HitsAndMissesOfTheCache) {
  MetricsRegistry registry(
      {.counters = true, .histograms = false, .summaries = std::vector<QuantileTarget>{{0.5, 0.1}}});
  const ModelMetricsPtr model = registry.Acquire(Named("a", true));
  RequestFigures miss = Success();
  miss.cache_outcome = CacheOutcome::kMiss;
  miss.cache = 86'500;
  RequestFigures hit = Success();
  hit.execution_batch_size = 0;
  hit.cache_outcome = CacheOutcome::kHit;
  hit.cache = 14'900;
  model->Record(miss);
  model->Record(hit);
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_count{model="a",version="1"} 3)"));
  CHECK(Contains(text, R"(nv_inference_request_success{model="a",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_cache_num_hits_per_model{model="a",version="1"} 1)"));
  CHECK(Contains(text, R"(nv_cache_hit_duration_per_model{model="a",version="1"} 14)"));
  CHECK(Contains(text, R"(nv_cache_num_misses_per_model{model="a",version="1"} 1)"));
  CHECK(Contains(text, R"(nv_cache_miss_duration_per_model{model="a",version="1"} 86)"));
  CHECK(Contains(text, R"(nv_inference_queue_summary_us_count{model="a",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_inference_compute_infer_summary_us_count{model="a",version="1"} 1)"));
  CHECK(Contains(text, R"(nv_cache_hit_summary_per_model_sum{model="a",version="1"} 14)"));
  CHECK(Contains(text, R"(nv_cache_hit_summary_per_model{model="a",version="1",quantile="0.5"} 14)"));
  // Triton has none of these for models with a cache.
  CHECK(text.find("nv_inference_request_summary") == std::string::npos);
}

TEST(WithoutCountersTheyStayZeroAndDurationsAreGone) {
  MetricsRegistry registry({.counters = false, .histograms = false, .summaries = std::nullopt});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  model->Record(Success());
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_request_success{model="a",version="1"} 0)"));
  CHECK(Contains(text, R"(nv_inference_exec_count{model="a",version="1"} 0)"));
  CHECK(text.find("duration_us") == std::string::npos);
}

TEST(HistogramsAddUp) {
  MetricsRegistry registry({.counters = true, .histograms = true, .summaries = std::nullopt});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  RequestFigures late = Success();
  late.first_response = 7'000'000'000;
  model->Record(Success());
  model->Record(late);
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_count{model="a",version="1"} 2)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_sum{model="a",version="1"} 7101)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="100"} 0)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="500"} 1)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="5000"} 1)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="+Inf"} 2)"));
  CHECK(Contains(text, R"(triton_lite_batch_size_bucket{model="a",version="1",le="2"} 0)"));
  CHECK(Contains(text, R"(triton_lite_batch_size_bucket{model="a",version="1",le="4"} 2)"));
  CHECK(Contains(text, R"(triton_lite_batch_size_sum{model="a",version="1"} 6)"));
  CHECK(Contains(text, R"(triton_lite_request_duration_seconds_bucket{model="a",version="1",le="0.001"} 0)"));
  CHECK(Contains(text, R"(triton_lite_request_duration_seconds_bucket{model="a",version="1",le="0.0025"} 2)"));
}

TEST(AModelHasItsOwnBuckets) {
  MetricsRegistry registry({.counters = true, .histograms = true, .summaries = std::nullopt});
  ModelMetricsSpec spec = Named("a");
  spec.buckets["nv_inference_first_response_histogram_ms"] = {-1, 0.5, 1e6};
  const ModelMetricsPtr model = registry.Acquire(std::move(spec));
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="-1"} 0)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="0.5"} 0)"));
  CHECK(Contains(text, R"(nv_inference_first_response_histogram_ms_bucket{model="a",version="1",le="1000000"} 0)"));
}

TEST(AReloadGoesOnCountingAnUnloadEnds) {
  MetricsRegistry registry({});
  ModelMetricsPtr before = registry.Acquire(Named("a"));
  before->Record(Success());
  ModelMetricsPtr after = registry.Acquire(Named("a"));
  CHECK(before == after);
  before.reset();
  CHECK(Contains(All(registry), R"(nv_inference_request_success{model="a",version="1"} 1)"));
  after.reset();
  CHECK_EQ(All(registry), "");
  after = registry.Acquire(Named("a"));
  CHECK(Contains(All(registry), R"(nv_inference_request_success{model="a",version="1"} 0)"));
}

TEST(LabelsAreEscapedAndInTheOrderOfTheirNames) {
  const Labels labels = {{"version", "1"}, {"model", "a\"b\\c\nd"}, {"_team", "x"}, {"namespace", "/r"}};
  CHECK_EQ(LabelText(labels), R"(_team="x",model="a\"b\\c\nd",namespace="/r",version="1")");
}

TEST(PendingRequestsOfAllThatIsLoaded) {
  MetricsRegistry registry({});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  int old_owner = 0;
  int new_owner = 0;
  model->AddQueue(&old_owner, [] { return std::size_t{2}; });
  model->AddQueue(&new_owner, [] { return std::size_t{5}; });
  CHECK(Contains(All(registry), R"(nv_inference_pending_request_count{model="a",version="1"} 7)"));
  model->RemoveQueue(&old_owner);
  CHECK(Contains(All(registry), R"(nv_inference_pending_request_count{model="a",version="1"} 5)"));
}

TEST(TheQueueWaitOfAnInterval) {
  CHECK_EQ(QueueWait(9, {.seconds = 2, .left = 4, .waited_seconds = 1, .waiting = 100}), 0.25);
  CHECK_EQ(QueueWait(9, {.seconds = 2, .left = 0, .waited_seconds = 0, .waiting = 1}), 11);
  CHECK_EQ(QueueWait(9, {.seconds = 2, .left = 0, .waited_seconds = 0, .waiting = 0}), 0);
}

TEST(TheQueueWaitGauge) {
  MetricsRegistry registry({.counters = false, .histograms = false, .summaries = std::nullopt});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  std::size_t waiting = 0;
  model->AddQueue(&waiting, [&] { return waiting; });
  RequestFigures figures = Success();
  figures.queue = 500'000'000;
  model->Record(figures);
  figures.queue = 0;
  model->Record(figures);
  registry.EndInterval(2);
  CHECK_EQ(model->queue_wait(), 0.25);
  waiting = 3;
  registry.EndInterval(2);
  CHECK_EQ(model->queue_wait(), 2.25);
  waiting = 0;
  RequestFigures rejected;
  rejected.failure_reason = FailureReason::kRejected;
  rejected.queue = 4'000'000'000;
  model->Record(rejected);
  registry.EndInterval(2);
  CHECK_EQ(model->queue_wait(), 4);
  registry.EndInterval(2);
  CHECK_EQ(model->queue_wait(), 0);
}

TEST(NothingIsLostAmongThreads) {
  MetricsRegistry registry(
      {.counters = true, .histograms = true, .summaries = std::vector<QuantileTarget>{{0.5, 0.1}}});
  const ModelMetricsPtr model = registry.Acquire(Named("a"));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        model->Record(Success());
      }
    });
  }
  for (int i = 0; i < 20; ++i) {
    (void)All(registry);
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
  const std::string text = All(registry);
  CHECK(Contains(text, R"(nv_inference_request_success{model="a",version="1"} 8000)"));
  CHECK(Contains(text, R"(nv_inference_request_summary_us_count{model="a",version="1"} 8000)"));
  CHECK(Contains(text, R"(triton_lite_request_duration_seconds_count{model="a",version="1"} 8000)"));
}

TEST(FiguresOfTheCache) {
  MetricsRegistry registry({});
  const std::string text = registry
                               .Text(CacheFigures{.utilization = 5.340576171875e-05,
                                                  .entries = 1,
                                                  .hits = 1,
                                                  .misses = 2,
                                                  .evictions = 0,
                                                  .lookup_duration = 15,
                                                  .insertion_duration = 17})
                               .cache;
  CHECK(Contains(text, "nv_cache_util 5.340576171875e-05"));
  CHECK(Contains(text, "nv_cache_num_lookups 3"));
  CHECK(Contains(text, "nv_cache_insertion_duration 17"));
}

}  // namespace triton_lite

TEST_MAIN()
