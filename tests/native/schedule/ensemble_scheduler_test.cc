#include "schedule/ensemble_scheduler.h"

#include <algorithm>
#include <latch>
#include <map>
#include <thread>

#include "check.h"
#include "schedule/fakes.h"

namespace triton_lite {
namespace {

using testing::MakeRequest;
using testing::Record;
using testing::RecordedReply;

constexpr EnqueueHint kHint{};

TensorSpec Tensor(std::string name, Shape dims = {2}) {
  TensorSpec spec;
  spec.name = std::move(name);
  spec.datatype = DataType::kInt32;
  spec.dims = std::move(dims);
  return spec;
}

// Models made of functions; each answers on the thread that starts it unless its function does otherwise.
class FakeRouter : public ModelRouter {
 public:
  using Body = std::function<void(RequestPtr)>;

  void Add(const std::string& name, std::int32_t max_batch_size, std::vector<TensorSpec> inputs, Body body) {
    auto spec = std::make_shared<ModelSpec>();
    spec->name = name;
    spec->max_batch_size = max_batch_size;
    spec->inputs = std::move(inputs);
    models_[name] = {std::move(spec), std::move(body)};
  }

  Result<RoutedModel> Find(const std::string& name, std::int64_t) override {
    const auto it = models_.find(name);
    if (it == models_.end()) {
      return NotFound("Request for unknown model: '" + name + "' is not found");
    }
    return RoutedModel{it->second.spec, nullptr};
  }

  void Start(const RoutedModel& model, RequestPtr request, EnqueueHint hint) override {
    const std::string& name = model.spec->name;
    {
      const std::lock_guard lock(mu_);
      started_.push_back(name);
      inline_hints_ += hint.may_run_inline ? 1 : 0;
    }
    models_.at(name).body(std::move(request));
  }

  std::vector<std::string> started() {
    const std::lock_guard lock(mu_);
    return started_;
  }
  int inline_hints() {
    const std::lock_guard lock(mu_);
    return inline_hints_;
  }

 private:
  struct Model {
    std::shared_ptr<ModelSpec> spec;
    Body body;
  };
  std::map<std::string, Model> models_;
  std::mutex mu_;
  std::vector<std::string> started_;
  int inline_hints_ = 0;
};

OutputTensor Output(const std::string& name, const InputTensor& input) {
  return {name, input.datatype, input.shape, input.data};
}

// Every requested output is the first input, as it is.
void Echo(RequestPtr request) {
  InferenceResponse response;
  for (const RequestedOutput& output : request->outputs) {
    response.outputs.push_back(Output(output.name, request->inputs[0]));
  }
  request->responder->Send(std::move(response), true);
}

ModelSpec Ensemble(std::vector<std::string> inputs, std::vector<std::string> outputs,
                   std::vector<EnsembleStepSpec> steps) {
  ModelSpec spec;
  spec.name = "ens";
  for (std::string& input : inputs) {
    spec.inputs.push_back(Tensor(std::move(input)));
  }
  for (std::string& output : outputs) {
    spec.outputs.push_back(Tensor(std::move(output)));
  }
  spec.scheduler.emplace<EnsembleSpec>().steps = std::move(steps);
  return spec;
}

EnsembleStepSpec Step(std::string model, std::vector<std::pair<std::string, std::string>> inputs,
                      std::vector<std::pair<std::string, std::string>> outputs) {
  return {std::move(model), -1, std::move(inputs), std::move(outputs)};
}

RequestPtr EnsembleRequest(Record* record, std::vector<std::string> inputs, const std::vector<std::string>& outputs) {
  RequestPtr request = MakeRequest("r", record);
  for (std::string& input : inputs) {
    testing::AddInput(*request, std::move(input), {2});
    request->inputs.back().data = *AllocateHeap(8);
  }
  for (const std::string& output : outputs) {
    request->outputs.push_back({output, 0, {}});
  }
  return request;
}

const Parameters kNoSequence = [] {
  Parameters parameters;
  parameters.Set("sequence_id", std::int64_t{0});
  parameters.Set("sequence_start", false);
  parameters.Set("sequence_end", false);
  return parameters;
}();

bool Same(const Parameters& a, const Parameters& b) { return std::equal(a.begin(), a.end(), b.begin(), b.end()); }

TEST(PassesTensorsFromStepToStepWithoutACopy) {
  FakeRouter router;
  router.Add("a", 0, {Tensor("A_IN")}, Echo);
  router.Add("b", 0, {Tensor("B_IN")}, Echo);
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT"},
               {Step("b", {{"B_IN", "mid"}}, {{"B_OUT", "OUT"}}), Step("a", {{"A_IN", "IN"}}, {{"A_OUT", "mid"}})}),
      &router);
  Record record;
  RequestPtr request = EnsembleRequest(&record, {"IN"}, {"OUT"});
  const Buffer data = request->inputs[0].data;
  scheduler->Enqueue(std::move(request), kHint);
  REQUIRE(record.replies().size() == 1);
  const RecordedReply reply = record.replies()[0];
  CHECK_EQ(reply.what, "ok");
  CHECK(reply.last);
  REQUIRE(reply.response.outputs.size() == 1);
  CHECK_EQ(reply.response.outputs[0].name, "OUT");
  CHECK_EQ(reply.response.outputs[0].data.data, data.data);
  CHECK(Same(reply.response.parameters, kNoSequence));
  CHECK((router.started() == std::vector<std::string>{"a", "b"}));
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(StepsThatDoNotWaitForEachOtherRunAtOnce) {
  FakeRouter router;
  std::latch both(2);
  std::vector<std::thread> threads;
  const auto body = [&](RequestPtr request) {
    threads.emplace_back([&both, shared = std::make_shared<RequestPtr>(std::move(request))] {
      both.arrive_and_wait();
      Echo(std::move(*shared));
    });
  };
  router.Add("a", 0, {Tensor("X")}, body);
  router.Add("b", 0, {Tensor("X")}, body);
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT0", "OUT1"},
               {Step("a", {{"X", "IN"}}, {{"Y", "OUT0"}}), Step("b", {{"X", "IN"}}, {{"Y", "OUT1"}})}),
      &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT0", "OUT1"}), kHint);
  record.WaitFor(1);
  for (std::thread& thread : threads) {
    thread.join();
  }
  CHECK_EQ(record.replies().size(), 1u);
  CHECK_EQ(record.replies()[0].response.outputs.size(), 2u);
}

TEST(RunsOnlyWhatTheRequestedOutputsNeed) {
  FakeRouter router;
  std::vector<std::string> asked;
  router.Add("two", 0, {Tensor("X")}, [&](RequestPtr request) {
    for (const RequestedOutput& output : request->outputs) {
      asked.push_back(output.name);
    }
    Echo(std::move(request));
  });
  router.Add("other", 0, {Tensor("X")}, Echo);
  const auto scheduler = MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT0", "OUT1", "OUT2"},
                                                        {Step("two", {{"X", "IN"}}, {{"Y0", "OUT0"}, {"Y1", "OUT1"}}),
                                                         Step("other", {{"X", "OUT1"}}, {{"Y", "OUT2"}})}),
                                               &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT0"}), kHint);
  CHECK((asked == std::vector<std::string>{"Y0"}));
  CHECK((router.started() == std::vector<std::string>{"two"}));
  asked.clear();
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT2"}), kHint);
  CHECK((asked == std::vector<std::string>{"Y1"}));
  CHECK_EQ(record.replies().size(), 2u);
  CHECK_EQ(record.replies()[1].response.outputs[0].name, "OUT2");
}

TEST(AStepThatFailsIsNamedOnceAllStepsHaveEnded) {
  FakeRouter router;
  RequestPtr waiting;
  router.Add("bad", 0, {Tensor("X")}, [](RequestPtr request) { request->responder->Fail(InvalidArgument("wrong")); });
  router.Add("slow", 0, {Tensor("X")}, [&](RequestPtr request) { waiting = std::move(request); });
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT0", "OUT1"},
               {Step("slow", {{"X", "IN"}}, {{"Y", "OUT0"}}), Step("bad", {{"X", "IN"}}, {{"Y", "OUT1"}})}),
      &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT0", "OUT1"}), kHint);
  CHECK(record.replies().empty());
  CHECK_EQ(scheduler->pending(), 1u);
  Echo(std::move(waiting));
  REQUIRE(record.replies().size() == 1);
  CHECK_EQ(record.replies()[0].what, "in ensemble 'ens', wrong");
  CHECK(record.replies()[0].code == Code::kInvalidArgument);
}

TEST(AModelThatIsNotThereIsNamed) {
  FakeRouter router;
  const auto scheduler =
      MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT"}, {Step("gone", {{"X", "IN"}}, {{"Y", "OUT"}})}), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  REQUIRE(record.replies().size() == 1);
  CHECK_EQ(record.replies()[0].what, "in ensemble 'ens', Request for unknown model: 'gone' is not found");
  CHECK(record.replies()[0].code == Code::kNotFound);
}

TEST(ADroppedStepEndsTheEnsemble) {
  FakeRouter router;
  router.Add("drop", 0, {Tensor("X")}, [](RequestPtr request) { request.reset(); });
  const auto scheduler =
      MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT"}, {Step("drop", {{"X", "IN"}}, {{"Y", "OUT"}})}), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  REQUIRE(record.replies().size() == 1);
  CHECK(record.replies()[0].code == Code::kInternal);
}

TEST(AnOptionalInputThatIsLeftOutIsLeftOutOfTheStep) {
  FakeRouter router;
  std::vector<std::string> got;
  router.Add("a", 0, {Tensor("X"), Tensor("Z")}, [&](RequestPtr request) {
    for (const InputTensor& input : request->inputs) {
      got.push_back(input.name);
    }
    Echo(std::move(request));
  });
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN", "OPT"}, {"OUT"}, {Step("a", {{"X", "IN"}, {"Z", "OPT"}}, {{"Y", "OUT"}})}), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK((got == std::vector<std::string>{"X"}));
  CHECK_EQ(record.replies().size(), 1u);
}

TEST(AnOutputThatTheStepDoesNotGiveIsLeftOutOfTheResponse) {
  FakeRouter router;
  router.Add("a", 0, {Tensor("X")}, [](RequestPtr request) {
    InferenceResponse response;
    response.outputs.push_back(Output("Y0", request->inputs[0]));
    request->responder->Send(std::move(response), true);
  });
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT0", "OUT1"}, {Step("a", {{"X", "IN"}}, {{"Y0", "OUT0"}, {"Y1", "OUT1"}})}), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT0", "OUT1"}), kHint);
  REQUIRE(record.replies().size() == 1);
  CHECK_EQ(record.replies()[0].response.outputs.size(), 1u);
}

TEST(AGraphThatCannotGoOnSaysSo) {
  FakeRouter router;
  router.Add("a", 0, {Tensor("X")}, Echo);
  const auto scheduler =
      MakeEnsembleScheduler(Ensemble({}, {"OUT"}, {Step("a", {{"X", "never"}}, {{"Y", "OUT"}})}), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {}, {"OUT"}), kHint);
  REQUIRE(record.replies().size() == 1);
  CHECK_EQ(record.replies()[0].what,
           "in ensemble 'ens', [request id: r] unexpected deadlock, at least one output is not set while no more "
           "ensemble steps can be made");
}

TEST(PassesOnWhatBelongsToTheRequest) {
  FakeRouter router;
  RequestPtr got;
  router.Add("a", 0, {Tensor("X")}, [&](RequestPtr request) { got = std::move(request); });
  const auto scheduler =
      MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT"}, {Step("a", {{"X", "IN"}}, {{"Y", "OUT"}})}), &router);
  Record record;
  RequestPtr request = EnsembleRequest(&record, {"IN"}, {"OUT"});
  request->correlation_id = std::string("seq");
  request->flags = kSequenceStart;
  request->priority = 2;
  request->timeout_microseconds = 9;
  request->parameters.Set("key", std::int64_t{5});
  const std::shared_ptr<CancelToken> cancel = request->cancel;
  scheduler->Enqueue(std::move(request), kHint);
  REQUIRE(got != nullptr);
  CHECK_EQ(got->id, "r");
  CHECK(got->correlation_id == CorrelationId(std::string("seq")));
  CHECK_EQ(got->flags, kSequenceStart);
  CHECK_EQ(got->priority, 2u);
  CHECK_EQ(got->timeout_microseconds, 9u);
  CHECK(got->parameters.Find("key") != nullptr);
  cancel->Cancel();
  CHECK(got->cancel->cancelled());
  Echo(std::move(got));
  const Parameters parameters = record.replies().at(0).response.parameters;
  CHECK(*parameters.Find("sequence_id") == ParameterValue(std::string("seq")));
  CHECK(*parameters.Find("sequence_start") == ParameterValue(true));
}

TEST(AStepMayOverrideTheSequence) {
  FakeRouter router;
  CorrelationId second;
  router.Add("a", 0, {Tensor("X")}, [](RequestPtr request) {
    InferenceResponse response;
    response.outputs.push_back(Output("Y", request->inputs[0]));
    response.parameters.Set("sequence_id", std::int64_t{42});
    response.parameters.Set("sequence_end", true);
    request->responder->Send(std::move(response), true);
  });
  router.Add("b", 0, {Tensor("X")}, [&](RequestPtr request) {
    second = request->correlation_id;
    CHECK_EQ(request->flags, kSequenceEnd);
    Echo(std::move(request));
  });
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT"}, {Step("a", {{"X", "IN"}}, {{"Y", "mid"}}), Step("b", {{"X", "mid"}}, {{"Y", "OUT"}})}),
      &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK(second == CorrelationId(std::uint64_t{42}));
  CHECK(*record.replies().at(0).response.parameters.Find("sequence_id") == ParameterValue(std::int64_t{42}));
}

TEST(RefusesAMarkOfTheWrongType) {
  FakeRouter router;
  router.Add("a", 0, {Tensor("X")}, [](RequestPtr request) {
    InferenceResponse response;
    response.parameters.Set("sequence_start", std::int64_t{1});
    request->responder->Send(std::move(response), true);
  });
  const auto scheduler =
      MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT"}, {Step("a", {{"X", "IN"}}, {{"Y", "OUT"}})}), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK_EQ(record.replies().at(0).what,
           "in ensemble 'ens', expect parameter 'sequence_start' to be TRITONSERVER_PARAMETER_BOOL");
}

TEST(AddsAndStripsTheBatchDimensionBetweenSteps) {
  FakeRouter router;
  std::vector<Shape> shapes;
  const auto body = [&](RequestPtr request) {
    shapes.push_back(request->inputs[0].shape);
    Echo(std::move(request));
  };
  router.Add("single", 0, {Tensor("X")}, body);
  router.Add("batching", 8, {Tensor("X")}, body);
  ModelSpec spec =
      Ensemble({"IN"}, {"OUT"},
               {Step("single", {{"X", "IN"}}, {{"Y", "m0"}}), Step("batching", {{"X", "m0"}}, {{"Y", "m1"}}),
                Step("single", {{"X", "m1"}}, {{"Y", "OUT"}})});
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK((shapes == std::vector<Shape>{{2}, {1, 2}, {2}}));
  CHECK((record.replies().at(0).response.outputs.at(0).shape == Shape{2}));
}

TEST(UndoesTheReshapeOfItsOutputs) {
  FakeRouter router;
  router.Add("model", 0, {Tensor("X")}, Echo);
  ModelSpec spec = Ensemble({"IN"}, {"OUT"}, {Step("model", {{"X", "IN"}}, {{"Y", "OUT"}})});
  spec.outputs[0].dims = {1, 2};
  spec.outputs[0].reshape = Shape{2};
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK((record.replies().at(0).response.outputs.at(0).shape == Shape{1, 2}));
}

TEST(ADecoupledStepMakesAsManyResponses) {
  FakeRouter router;
  router.Add("repeat", 0, {Tensor("X")}, [](RequestPtr request) {
    for (int i = 0; i < 3; ++i) {
      InferenceResponse response;
      response.outputs.push_back(Output("Y", request->inputs[0]));
      request->responder->Send(std::move(response), false);
    }
    request->responder->Finish();
  });
  router.Add("b", 0, {Tensor("X")}, Echo);
  ModelSpec spec = Ensemble({"IN"}, {"OUT"},
                            {Step("repeat", {{"X", "IN"}}, {{"Y", "mid"}}), Step("b", {{"X", "mid"}}, {{"Y", "OUT"}})});
  spec.decoupled = true;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  const std::vector<RecordedReply> replies = record.replies();
  REQUIRE(replies.size() == 3);
  for (std::size_t i = 0; i < 3; ++i) {
    // "repeat" has ended before the last "b" starts, so that the last response is known to be the last.
    CHECK(replies[i].what == "ok" && replies[i].last == (i == 2) && replies[i].response.outputs.size() == 1);
  }
  CHECK_EQ(scheduler->pending(), 0u);
}

TEST(ADecoupledStepMayAnswerNothing) {
  FakeRouter router;
  router.Add("none", 0, {Tensor("X")}, [](RequestPtr request) { request->responder->Finish(); });
  ModelSpec spec = Ensemble({"IN"}, {"OUT"}, {Step("none", {{"X", "IN"}}, {{"Y", "OUT"}})});
  spec.decoupled = true;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK_EQ(record.replies().at(0).what, "finish");
}

TEST(AnErrorAmongTheResponsesOfAStepEndsTheRequest) {
  FakeRouter router;
  router.Add("repeat", 0, {Tensor("X")}, [](RequestPtr request) {
    InferenceResponse response;
    response.outputs.push_back(Output("Y", request->inputs[0]));
    request->responder->Send(response, false);
    response.outputs.clear();
    response.error = NotFound("no more");
    request->responder->Send(std::move(response), false);
    request->responder->Finish();
  });
  ModelSpec spec = Ensemble({"IN"}, {"OUT"}, {Step("repeat", {{"X", "IN"}}, {{"Y", "OUT"}})});
  spec.decoupled = true;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  const std::vector<RecordedReply> replies = record.replies();
  REQUIRE(replies.size() == 2);
  CHECK(replies[0].what == "ok" && !replies[0].last);
  CHECK_EQ(replies[1].what, "in ensemble 'ens', no more");
  CHECK(replies[1].code == Code::kNotFound && replies[1].last);
}

// Responses of a decoupled step that nothing takes up would pile up in front of the step behind it.
TEST(ADecoupledStepWaitsForTheStepsBehindIt) {
  FakeRouter router;
  RequestPtr repeat;
  std::vector<RequestPtr> behind;
  router.Add("repeat", 0, {Tensor("X")}, [&](RequestPtr request) { repeat = std::move(request); });
  router.Add("b", 0, {Tensor("X")}, [&](RequestPtr request) { behind.push_back(std::move(request)); });
  ModelSpec spec = Ensemble({"IN"}, {"OUT"},
                            {Step("repeat", {{"X", "IN"}}, {{"Y", "mid"}}), Step("b", {{"X", "mid"}}, {{"Y", "OUT"}})});
  spec.decoupled = true;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  REQUIRE(repeat != nullptr);
  std::size_t sent = 0;
  for (; repeat->responder->HasCredit(); ++sent) {
    REQUIRE(sent < 1000);
    InferenceResponse response;
    response.outputs.push_back(Output("Y", repeat->inputs[0]));
    repeat->responder->Send(std::move(response), false);
  }
  CHECK_EQ(behind.size(), sent);
  int ran = 0;
  repeat->responder->OnCredit([&] { ++ran; });
  CHECK_EQ(ran, 0);
  for (RequestPtr& request : behind) {
    CHECK(request->responder->HasCredit());  // Nothing is behind it but the client.
    Echo(std::move(request));
  }
  CHECK_EQ(ran, 1);
  CHECK(repeat->responder->HasCredit());
  repeat->responder->OnCredit([&] { ++ran; });
  CHECK_EQ(ran, 2);
  repeat->responder->Finish();
  repeat.reset();
  CHECK_EQ(record.replies().size(), sent + 1);
  CHECK_EQ(record.replies().back().what, "finish");
}

// Values that have served are let go of: the order of responses shows that iterations stay together.
TEST(AStreamWithoutEndKeepsItsIterationsApart) {
  FakeRouter router;
  router.Add("count", 0, {Tensor("X")}, [](RequestPtr request) {
    for (std::int64_t i = 0; i < 1000; ++i) {
      InferenceResponse response;
      response.outputs.push_back(Output("Y", request->inputs[0]));
      response.outputs.push_back(Output("Z", request->inputs[0]));
      response.outputs[0].shape = response.outputs[1].shape = {i};
      request->responder->Send(std::move(response), false);
    }
    request->responder->Finish();
  });
  router.Add("b", 0, {Tensor("X", {-1})}, Echo);
  ModelSpec spec =
      Ensemble({"IN"}, {"OUT", "RAW"},
               {Step("count", {{"X", "IN"}}, {{"Y", "RAW"}, {"Z", "mid"}}), Step("b", {{"X", "mid"}}, {{"Y", "OUT"}})});
  for (TensorSpec& output : spec.outputs) {
    output.dims = {-1};
  }
  spec.decoupled = true;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT", "RAW"}), kHint);
  const std::vector<RecordedReply> replies = record.replies();
  REQUIRE(replies.size() == 1000);
  for (std::size_t i = 0; i < replies.size(); ++i) {
    for (const OutputTensor& output : replies[i].response.outputs) {
      CHECK((output.shape == Shape{static_cast<std::int64_t>(i)}));
    }
  }
}

TEST(RefusesWhenDrained) {
  FakeRouter router;
  router.Add("a", 0, {Tensor("X")}, Echo);
  const auto scheduler =
      MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT"}, {Step("a", {{"X", "IN"}}, {{"Y", "OUT"}})}), &router);
  scheduler->Drain();
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  CHECK(record.replies().at(0).code == Code::kUnavailable);
}

// Steps that answer at once start after each other, not inside each other: any number of them.
TEST(ChainsOfStepsTakeNoStack) {
  FakeRouter router;
  int depth = 0;
  int deepest = 0;
  router.Add("a", 0, {Tensor("X")}, [&](RequestPtr request) {
    deepest = std::max(deepest, ++depth);
    Echo(std::move(request));
    --depth;
  });
  std::vector<EnsembleStepSpec> steps;
  constexpr int kSteps = 1000;
  for (int i = 0; i < kSteps; ++i) {
    steps.push_back(Step("a", {{"X", i == 0 ? "IN" : std::to_string(i)}},
                         {{"Y", i == kSteps - 1 ? "OUT" : std::to_string(i + 1)}}));
  }
  const auto scheduler = MakeEnsembleScheduler(Ensemble({"IN"}, {"OUT"}, steps), &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), {.may_run_inline = true});
  CHECK_EQ(record.replies().at(0).what, "ok");
  CHECK_EQ(deepest, 1);
  CHECK_EQ(router.inline_hints(), kSteps);
}

// What another thread answers does not run the next step there.
TEST(StepsRunInlineOnlyWhereTheRequestCameFrom) {
  FakeRouter router;
  RequestPtr held;
  router.Add("slow", 0, {Tensor("X")}, [&](RequestPtr request) { held = std::move(request); });
  router.Add("b", 0, {Tensor("X")}, Echo);
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT"}, {Step("slow", {{"X", "IN"}}, {{"Y", "m"}}), Step("b", {{"X", "m"}}, {{"Y", "OUT"}})}),
      &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), {.may_run_inline = true});
  CHECK_EQ(router.inline_hints(), 1);
  Echo(std::move(held));
  CHECK_EQ(router.inline_hints(), 1);
  CHECK_EQ(record.replies().at(0).what, "ok");
}

TEST(HoldsStepsBackThatAreFull) {
  FakeRouter router;
  std::vector<RequestPtr> inside;
  router.Add("slow", 0, {Tensor("X")}, [&](RequestPtr request) { inside.push_back(std::move(request)); });
  ModelSpec spec = Ensemble({"IN"}, {"OUT"}, {Step("slow", {{"X", "IN"}}, {{"Y", "OUT"}})});
  std::get<EnsembleSpec>(spec.scheduler).max_inflight_requests = 2;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  for (int i = 0; i < 5; ++i) {
    scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  }
  for (std::size_t done = 0; done < 5; ++done) {
    CHECK_EQ(inside.size(), std::min<std::size_t>(2, 5 - done));
    RequestPtr first = std::move(inside.front());
    inside.erase(inside.begin());
    Echo(std::move(first));
    CHECK_EQ(record.replies().size(), done + 1);
  }
  CHECK(inside.empty());
  CHECK_EQ(scheduler->pending(), 0u);
}

// A run that has failed starts nothing that still waits, however much it is.
TEST(WhatWaitsForAFullStepEndsWithItsRun) {
  FakeRouter router;
  RequestPtr producer;
  std::vector<RequestPtr> inside;
  router.Add("repeat", 0, {Tensor("X")}, [&](RequestPtr request) { producer = std::move(request); });
  router.Add("slow", 0, {Tensor("X")}, [&](RequestPtr request) { inside.push_back(std::move(request)); });
  ModelSpec spec = Ensemble({"IN"}, {"OUT"},
                            {Step("repeat", {{"X", "IN"}}, {{"Y", "m"}}), Step("slow", {{"X", "m"}}, {{"Y", "OUT"}})});
  spec.decoupled = true;
  std::get<EnsembleSpec>(spec.scheduler).max_inflight_requests = 1;
  const auto scheduler = MakeEnsembleScheduler(spec, &router);
  Record record;
  scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT"}), kHint);
  constexpr int kAnswers = 20000;
  for (int i = 0; i < kAnswers; ++i) {
    InferenceResponse response;
    response.outputs.push_back(Output("Y", producer->inputs[0]));
    producer->responder->Send(std::move(response), i == kAnswers - 1);
  }
  producer.reset();
  REQUIRE(inside.size() == 1);
  inside[0]->responder->Fail(Internal("full"));
  CHECK_EQ(inside.size(), 1u);
  CHECK_EQ(record.replies().size(), 1u);
  CHECK_EQ(record.replies().at(0).what, "in ensemble 'ens', full");
  CHECK_EQ(scheduler->pending(), 0u);
}

// Keeps what its request was when the last reply came.
class EndResponder : public testing::RecordingResponder {
 public:
  EndResponder(const InferenceRequest* request, Record* record) : RecordingResponder("r", record), request_(request) {}
  void Send(InferenceResponse response, bool last) override {
    times = request_->times;
    execution_batch_size = request_->execution_batch_size;
    RecordingResponder::Send(std::move(response), last);
  }

  static inline Timestamps times;
  static inline std::uint32_t execution_batch_size = 0;

 private:
  const InferenceRequest* request_;
};

TEST(ShowsTheSumsOfItsSteps) {
  FakeRouter router;
  const auto body = [](RequestPtr request) {
    request->times.compute_start = 100;
    request->times.compute_input_end = 110;
    request->times.compute_output_start = 150;
    Echo(std::move(request));
  };
  router.Add("a", 0, {Tensor("X")}, body);
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT"}, {Step("a", {{"X", "IN"}}, {{"Y", "m"}}), Step("a", {{"X", "m"}}, {{"Y", "OUT"}})}),
      &router);
  Record record;
  RequestPtr request = EnsembleRequest(&record, {"IN"}, {"OUT"});
  request->responder = std::make_unique<EndResponder>(request.get(), &record);
  scheduler->Enqueue(std::move(request), kHint);
  const Timestamps& times = EndResponder::times;
  CHECK_EQ(EndResponder::execution_batch_size, 1u);
  CHECK_EQ(times.compute_input_end - times.compute_start, 20u);
  CHECK_EQ(times.compute_output_start - times.compute_input_end, 80u);
}

// Routes to real schedulers.
TEST(ManyRequestsThroughManyThreads) {
  FakeRouter router;
  const auto add = [](testing::Batch batch) {
    for (InferenceRequest* request : batch) {
      InferenceResponse response;
      for (const RequestedOutput& output : request->outputs) {
        response.outputs.push_back(Output(output.name, request->inputs[0]));
      }
      request->responder->Send(std::move(response), true);
    }
  };
  class AnsweringInstance : public BackendInstance {
   public:
    explicit AnsweringInstance(std::function<void(testing::Batch)> body) : body_(std::move(body)) {}
    void Execute(testing::Batch batch) override { body_(batch); }

   private:
    std::function<void(testing::Batch)> body_;
  };
  std::vector<std::unique_ptr<Scheduler>> models;
  for (const char* name : {"a", "b", "join"}) {
    Instances of_model;
    of_model.push_back(std::make_unique<AnsweringInstance>(add));
    of_model.push_back(std::make_unique<AnsweringInstance>(add));
    const auto spec = std::make_unique<ModelSpec>();
    spec->max_batch_size = 4;
    spec->scheduler.emplace<DynamicBatchingSpec>();
    models.push_back(MakeBatchScheduler(*spec, std::move(of_model)));
    router.Add(name, 0, {Tensor("X"), Tensor("Z")}, [scheduler = models.back().get()](RequestPtr request) {
      scheduler->Enqueue(std::move(request), {true});
    });
  }
  const auto scheduler = MakeEnsembleScheduler(
      Ensemble({"IN"}, {"OUT", "OUT2"},
               {Step("a", {{"X", "IN"}}, {{"Y", "l"}}), Step("b", {{"X", "IN"}}, {{"Y", "r"}, {"Y2", "OUT2"}}),
                Step("join", {{"X", "l"}, {"Z", "r"}}, {{"Y", "OUT"}})}),
      &router);
  Record record;
  std::vector<std::thread> producers;
  for (int p = 0; p < 3; ++p) {
    producers.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        scheduler->Enqueue(EnsembleRequest(&record, {"IN"}, {"OUT", "OUT2"}), kHint);
      }
    });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }
  scheduler->Drain();
  const std::vector<RecordedReply> replies = record.replies();
  CHECK_EQ(replies.size(), 3000u);
  CHECK(std::all_of(replies.begin(), replies.end(), [](const RecordedReply& reply) {
    return reply.what == "ok" && reply.last && reply.response.outputs.size() == 2;
  }));
}

}  // namespace
}  // namespace triton_lite

TEST_MAIN()
