#include "engine/call_responder.h"

#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "check.h"
#include "engine/fakes.h"
#include "wire/infer_message.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

// A request on `simple` whose call keeps its answers.
struct Harness {
  explicit Harness(Method method, CallOptions options = {}, ModelSpec spec = SimpleSpec())
      : model(Serve(std::move(spec))), call(std::make_shared<FakeCall>(method)) {
    request = std::make_unique<InferenceRequest>();
    request->id = "id";
    const bool generate = method == Method::kGenerate || method == Method::kGenerateStream;
    request->responder = generate ? MakeGenerateResponder(call, model, request.get(), &recorder)
                                  : MakeInferResponder(call, model, request.get(), &recorder, options, "client's");
  }

  wire::InferResponseView View(std::size_t i) const {
    wire::InferResponseView view;
    CHECK(wire::DecodeInferResponse(AsBytes(call->answers.at(i).answer.message), &view).ok());
    return view;
  }
  // triton_final_response of answer `i`, -1 without one.
  int FinalMark(std::size_t i) const { return FinalMark(View(i)); }
  static int FinalMark(const wire::InferResponseView& view) {
    for (const auto& [name, value] : view.parameters) {
      if (name == "triton_final_response") {
        return std::get<bool>(value) ? 1 : 0;
      }
    }
    return -1;
  }

  RequestRecorder recorder;
  const ServedModelPtr model;
  std::shared_ptr<FakeCall> call;
  RequestPtr request;
};

ModelSpec Decoupled() {
  ModelSpec spec = SimpleSpec();
  spec.decoupled = true;
  return spec;
}

InferenceResponse Failed(Status status) {
  InferenceResponse response;
  response.error = std::move(status);
  return response;
}

constexpr std::string_view kNotExactlyOne =
    "generate expects model to produce exactly 1 response, use generate stream for model that generates various number "
    "of responses";

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

TEST(AnErrorInTheMiddleDoesNotEndTheStream) {
  Harness harness(Method::kModelStreamInfer, {}, Decoupled());
  harness.request->times.compute_start = 1;
  harness.request->responder->Send(Response(), false);
  harness.request->responder->Send(Failed(NotFound("once")), false);
  harness.request->responder->Send(Response(), false);
  harness.request->responder->Send(Failed(Internal("at last")), true);
  harness.request->responder->Send(Response(), false);
  REQUIRE(harness.call->answers.size() == 4);
  for (const auto& [i, status, last] :
       {std::tuple(1, NotFound("once"), false), std::tuple(3, Internal("at last"), true)}) {
    const SentAnswer& sent = harness.call->answers[static_cast<std::size_t>(i)];
    CHECK(sent.answer.status == status);
    CHECK_EQ(sent.last, last);
    // The head of the response that it replaces.
    wire::InferResponseView view;
    REQUIRE(sent.answer.segments.size() == 1);
    CHECK(wire::DecodeInferResponse(sent.answer.segments[0].bytes(), &view).ok());
    CHECK(view.model_name == "simple" && view.model_version == "client's" && view.id == "id");
    CHECK_EQ(Harness::FinalMark(view), last ? 1 : 0);
  }
  CHECK(!harness.call->answers[2].last);
  CHECK_EQ(harness.FinalMark(2), 0);
}

// As Triton's Python backend reports: the model did what it was asked for.
TEST(ErrorsAmongTheResponsesOfADecoupledModelAreNoFailures) {
  Harness answered(Method::kModelStreamInfer, {}, Decoupled());
  answered.request->responder->Send(Failed(Internal("no")), true);
  CHECK_EQ(answered.model->statistics().Snapshot().success.count, 1u);
  CHECK_EQ(answered.model->statistics().Snapshot().failure.count, 0u);
  Harness failed(Method::kModelStreamInfer, {}, Decoupled());
  failed.request->responder->Send(Response(), false);
  failed.request->responder->Fail(Internal("it died"));
  CHECK_EQ(failed.model->statistics().Snapshot().success.count, 0u);
  CHECK_EQ(failed.model->statistics().Snapshot().failure.count, 1u);
}

TEST(GenerateWaitsForTheEndOfTheModel) {
  Harness harness(Method::kGenerate, {}, Decoupled());
  harness.request->responder->Send(Response(), false);
  CHECK(harness.call->answers.empty());
  harness.request->responder->Finish();
  REQUIRE(harness.call->answers.size() == 1);
  const SentAnswer& sent = harness.call->answers[0];
  CHECK(sent.last && sent.answer.status.ok());
  CHECK_EQ(sent.answer.segments.at(0).text(),
           R"({"OUTPUT0":1684234849,"id":"id","model_name":"simple","model_version":"0"})");
}

TEST(GenerateTakesExactlyOneResponse) {
  for (const int count : {0, 2, 3}) {
    Harness harness(Method::kGenerate, {}, Decoupled());
    for (int i = 0; i < count; ++i) {
      harness.request->responder->Send(i == 1 ? Failed(Internal("no")) : Response(), i == 2);
    }
    if (count < 3) {
      harness.request->responder->Finish();
    }
    REQUIRE(harness.call->answers.size() == 1);
    // The client's answer has begun well, if at all.
    CHECK(harness.call->answers[0].answer.status.ok());
    CHECK_EQ(harness.call->answers[0].answer.segments.at(0).text(),
             "{\"error\":\"" + std::string(kNotExactlyOne) + "\"}");
  }
}

TEST(GenerateAnswersAnErrorOfTheModel) {
  Harness one(Method::kGenerate, {}, Decoupled());
  one.request->responder->Send(Failed(NotFound("no")), false);
  one.request->responder->Finish();
  CHECK(one.call->answers.at(0).answer.status == NotFound("no"));
  Harness two(Method::kGenerate, {}, Decoupled());
  two.request->responder->Send(Failed(NotFound("no")), false);
  two.request->responder->Send(Response(), true);
  CHECK(two.call->answers.at(0).answer.status == NotFound(std::string(kNotExactlyOne)));
}

TEST(GenerateStreamPassesEverythingOn) {
  Harness harness(Method::kGenerateStream, {}, Decoupled());
  harness.request->times.compute_start = 1;
  harness.request->responder->Send(Response(), false);
  harness.request->responder->Send(Failed(Internal("no")), false);
  harness.request->responder->Finish();
  REQUIRE(harness.call->answers.size() == 3);
  CHECK(harness.call->answers[0].answer.status.ok() && !harness.call->answers[0].last);
  CHECK(harness.call->answers[1].answer.status == Internal("no") && !harness.call->answers[1].last);
  CHECK_EQ(harness.call->answers[1].answer.segments.size(), 1u);
  CHECK(harness.call->answers[2].last && harness.call->answers[2].answer.segments.empty());
}

TEST_MAIN()
