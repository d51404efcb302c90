#include "engine/call_responder.h"

#include <string>

#include "check.h"
#include "engine/fakes.h"
#include "wire/infer_message.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

// A request on `simple` whose call keeps its answers.
struct Harness {
  explicit Harness(Method method, CallOptions options = {}) : call(std::make_shared<FakeCall>(method)) {
    request = std::make_unique<InferenceRequest>();
    request->id = "id";
    request->responder = MakeInferResponder(call, model, request.get(), &recorder, options, "client's");
  }

  wire::InferResponseView View(std::size_t i) const {
    wire::InferResponseView view;
    CHECK(wire::DecodeInferResponse(AsBytes(call->answers.at(i).answer.message), &view).ok());
    return view;
  }
  // triton_final_response of answer `i`, -1 without one.
  int FinalMark(std::size_t i) const {
    for (const auto& [name, value] : View(i).parameters) {
      if (name == "triton_final_response") {
        return std::get<bool>(value) ? 1 : 0;
      }
    }
    return -1;
  }

  RequestRecorder recorder;
  const ServedModelPtr model = Serve(SimpleSpec());
  std::shared_ptr<FakeCall> call;
  RequestPtr request;
};

InferenceResponse Response() {
  InferenceResponse response;
  response.outputs.push_back({"OUTPUT0", DataType::kInt32, {1, 1}, Owned("abcd")});
  return response;
}

}  // namespace

TEST(EachExecutionOfARequestThatRunsAgainCounts) {
  Harness harness(Method::kModelInfer);
  const auto run = [&](std::uint64_t start) {
    Timestamps& times = harness.request->times;
    times.compute_start = start;
    times.compute_input_end = start + 1;
    times.compute_output_start = start + 3;
    times.compute_end = start + 6;
    harness.request->execution_batch_size = 1;
  };
  for (const std::uint64_t start : {100, 200}) {
    run(start);
    harness.request->responder->OnReschedule();
  }
  CHECK(harness.call->answers.empty());
  StatisticsSnapshot counts = harness.model->statistics().Snapshot();
  CHECK_EQ(counts.execution_count, 2u);
  CHECK_EQ(counts.success.count, 2u);
  CHECK_EQ(counts.compute_infer.nanoseconds, 4u);
  run(300);
  harness.request->responder->Send(Response(), true);
  counts = harness.model->statistics().Snapshot();
  CHECK_EQ(counts.execution_count, 3u);
  CHECK_EQ(counts.inference_count, 3u);
  CHECK_EQ(counts.success.count, 3u);
  CHECK_EQ(counts.compute_infer.nanoseconds, 6u);
}

TEST(ARequestThatFailsBeforeItRunsAgainCountsNoMoreExecutions) {
  Harness harness(Method::kModelInfer);
  harness.request->times.compute_start = 100;
  harness.request->times.compute_end = 106;
  harness.request->execution_batch_size = 1;
  harness.request->responder->OnReschedule();
  harness.request->responder->Fail(Cancelled(""));
  const StatisticsSnapshot counts = harness.model->statistics().Snapshot();
  CHECK_EQ(counts.execution_count, 1u);
  CHECK_EQ(counts.success.count, 1u);
  CHECK_EQ(counts.failure.count, 1u);
}

TEST(AUnaryCallGetsItsResponse) {
  Harness harness(Method::kModelInfer);
  harness.request->responder->Send(Response(), true);
  harness.request->responder->Send(Response(), true);
  REQUIRE(harness.call->answers.size() == 1);
  const SentAnswer& sent = harness.call->answers[0];
  CHECK(sent.last && sent.answer.status.ok());
  CHECK_EQ(sent.answer.segments.at(0).text(), "abcd");
  const auto view = harness.View(0);
  CHECK_EQ(view.model_name, "simple");
  CHECK_EQ(view.model_version, "1");
  CHECK_EQ(view.id, "id");
  CHECK_EQ(view.outputs.at(0).name, "OUTPUT0");
  CHECK_EQ(harness.FinalMark(0), -1);
  CHECK_EQ(harness.model->statistics().Snapshot().success.count, 1u);
  CHECK(harness.request->times.request_end != 0);
}

TEST(AStreamMarksItsLastAnswer) {
  Harness harness(Method::kModelStreamInfer);
  harness.request->responder->Send(Response(), false);
  harness.request->responder->Send(Response(), true);
  REQUIRE(harness.call->answers.size() == 2);
  CHECK(!harness.call->answers[0].last && harness.call->answers[1].last);
  CHECK_EQ(harness.FinalMark(0), 0);
  CHECK_EQ(harness.FinalMark(1), 1);
}

TEST(AnEmptyEndIsSentOnlyToThoseWhoAskForIt) {
  Harness silent(Method::kModelStreamInfer);
  silent.request->responder->Finish();
  REQUIRE(silent.call->answers.size() == 1);
  CHECK(silent.call->answers[0].last);
  CHECK_EQ(silent.call->answers[0].answer.message, "");

  Harness asked(Method::kModelStreamInfer, CallOptions{.empty_final_response = true});
  asked.request->responder->Finish();
  REQUIRE(asked.call->answers.size() == 1);
  CHECK_EQ(asked.FinalMark(0), 1);
  CHECK_EQ(asked.View(0).model_version, "client's");
}

TEST(AnErrorEndsTheCall) {
  Harness harness(Method::kModelInfer);
  harness.request->responder->Fail(Unavailable("no"));
  harness.request->responder->Send(Response(), true);
  REQUIRE(harness.call->answers.size() == 1);
  CHECK(harness.call->answers[0].answer.status == Unavailable("no"));
  CHECK_EQ(harness.model->statistics().Snapshot().failure.count, 1u);
  CHECK_EQ(harness.model->statistics().Snapshot().success.count, 0u);
}

TEST(AModelThatSaysNothingIsAnError) {
  Harness harness(Method::kModelInfer);
  harness.request->responder->Finish();
  CHECK(harness.call->answers.at(0).answer.status.code() == Code::kInternal);
}

TEST(ADroppedRequestIsAnswered) {
  Harness harness(Method::kModelInfer);
  harness.request.reset();
  REQUIRE(harness.call->answers.size() == 1);
  CHECK(harness.call->answers[0].answer.status == Internal("the request was dropped"));
}

TEST(ClassifiedOutputsAreReplaced) {
  Harness harness(Method::kModelInfer);
  harness.request->outputs.push_back({"OUTPUT0", 1, {}});
  harness.request->responder->Send(Response(), true);
  CHECK_EQ(harness.View(0).outputs.at(0).datatype, "BYTES");
  CHECK_EQ(harness.call->answers.at(0).answer.segments.at(0).text().substr(4), "1684234849:0");
}

TEST_MAIN()
