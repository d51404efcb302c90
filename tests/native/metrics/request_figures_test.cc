#include "metrics/request_figures.h"

#include "check.h"

namespace triton_lite {
namespace {

InferenceRequest Ended() {
  InferenceRequest request;
  request.times.request_start = 1000;
  request.times.request_end = 1500;
  return request;
}

ModelSpec Decoupled() {
  ModelSpec spec;
  spec.decoupled = true;
  return spec;
}

}  // namespace

TEST(TheOnlyResponseIsTheFirst) {
  const RequestFigures figures = MeasureRequest(Ended(), {}, ModelSpec());
  CHECK(figures.succeeded);
  CHECK(figures.responded);
  CHECK_EQ(figures.first_response, 500u);
}

TEST(TheFirstOfSeveralResponses) {
  InferenceRequest request = Ended();
  request.times.first_response = 1100;
  CHECK_EQ(MeasureRequest(request, {}, Decoupled()).first_response, 100u);
  CHECK_EQ(MeasureRequest(request, Internal("then it broke"), Decoupled()).first_response, 100u);
}

TEST(ADecoupledModelMayEndWithoutAResponse) {
  const RequestFigures figures = MeasureRequest(Ended(), {}, Decoupled());
  CHECK(figures.succeeded);
  CHECK(!figures.responded);
}

TEST(AnErrorIsAResponseUnlessTheRequestWasNotTakenIn) {
  InferenceRequest request = Ended();
  CHECK(MeasureRequest(request, Internal("no"), Decoupled()).responded);
  request.failure_reason = FailureReason::kUncounted;
  CHECK(!MeasureRequest(request, Unavailable("no"), ModelSpec()).responded);
}

TEST(AModelsAnswerCountsAsOneBeItAnError) {
  InferenceRequest request = Ended();
  request.failure_reason = FailureReason::kBackend;
  CHECK(!MeasureRequest(request, Internal("no"), ModelSpec()).succeeded);
  request.failure_reason = FailureReason::kAnswered;
  CHECK(MeasureRequest(request, Internal("no"), ModelSpec()).succeeded);
}

TEST(StagesThatWereNotReachedTookNoTime) {
  InferenceRequest request = Ended();
  request.execution_batch_size = 4;
  request.times.queue_start = 1010;
  request.times.compute_start = 1030;
  const RequestFigures figures = MeasureRequest(request, Internal("no"), ModelSpec());
  CHECK_EQ(figures.queue, 20u);
  CHECK_EQ(figures.compute_input, 0u);
  CHECK_EQ(figures.compute_infer, 0u);
  CHECK_EQ(figures.execution_batch_size, 0u);
  CHECK_EQ(figures.compute, request.times.request_end - 1030);  // The backend had it to the end.
}

TEST(ARequestThatEndsInTheQueueWaitedAllItsTime) {
  InferenceRequest request = Ended();
  request.times.queue_start = 1010;
  request.times.compute_start = 0;
  const RequestFigures figures = MeasureRequest(request, Unavailable("Request timeout expired"), ModelSpec());
  CHECK_EQ(figures.queue, request.times.request_end - 1010);
  CHECK_EQ(figures.compute, 0u);
}

}  // namespace triton_lite

TEST_MAIN()
