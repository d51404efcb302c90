#include "backends/identity_backend.h"

#include <thread>

#include "backends/requests.h"
#include "check.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

ModelSpec Model() {
  ModelSpec spec;
  spec.name = "identity";
  spec.backend = "identity";
  spec.max_batch_size = 8;
  spec.inputs = {Tensor("INPUT0", DataType::kFp32, {-1}), Tensor("INPUT1", DataType::kInt64, {2})};
  spec.outputs = {Tensor("OUTPUT0", DataType::kFp32, {-1}), Tensor("OUTPUT1", DataType::kInt64, {2})};
  return spec;
}

std::unique_ptr<BackendModel> Configured(const ModelSpec& spec, Status* status) {
  auto model = FindBackend("identity")->Open(spec).value();
  *status = model->Configure(spec);
  return model;
}

std::string Refusal(const ModelSpec& spec) {
  Status status;
  (void)Configured(spec, &status);
  return status.message();
}

std::unique_ptr<BackendInstance> Instance(const ModelSpec& spec, std::int32_t ordinal = 0) {
  Status status;
  auto model = Configured(spec, &status);
  CHECK(status.ok());
  InstancePlacement placement;
  placement.ordinal = ordinal;
  return model->CreateInstance(placement).value();
}

void Execute(BackendInstance* instance, const RequestPtr& request) {
  InferenceRequest* const batch[] = {request.get()};
  instance->Execute(batch);
}

}  // namespace

TEST(GivesInputsBackWithoutACopy) {
  const auto instance = Instance(Model());
  Outcome outcome;
  const RequestPtr request = Request(1,
                                     {Input<float>("INPUT0", DataType::kFp32, {1, 2}, {1, 2}),
                                      Input<std::int64_t>("INPUT1", DataType::kInt64, {1, 2}, {3, 4})},
                                     {"OUTPUT1", "OUTPUT0"}, &outcome);
  Execute(instance.get(), request);
  CHECK_EQ(outcome.ends, 1);
  REQUIRE(outcome.response.outputs.size() == 2);
  CHECK_EQ(outcome.response.outputs[0].name, "OUTPUT0");
  CHECK_EQ(outcome.response.outputs[0].data.data, request->inputs[0].data.data);
  CHECK_EQ(ValuesOf<std::int64_t>(outcome.response.outputs[1]), (std::vector<std::int64_t>{3, 4}));
  CHECK_EQ(outcome.response.parameters.size(), 4u);
  CHECK(request->times.compute_input_end > 0);
  CHECK(request->times.compute_output_start >= request->times.compute_input_end);
}

TEST(ReshapesInputsAndOutputs) {
  ModelSpec spec = Model();
  spec.inputs = {Tensor("INPUT0", DataType::kFp32, {4})};
  spec.inputs[0].reshape = Shape{2, 2};
  spec.outputs = {Tensor("OUTPUT0", DataType::kFp32, {1, 4})};
  spec.outputs[0].reshape = Shape{2, 2};
  const auto answer_shape = [](const ModelSpec& model) {
    Outcome outcome;
    const RequestPtr request =
        Request(1, {Input<float>("INPUT0", DataType::kFp32, {1, 4}, {1, 2, 3, 4})}, {"OUTPUT0"}, &outcome);
    request->inputs[0].model_shape = {1, 2, 2};
    Execute(Instance(model).get(), request);
    return outcome.response.outputs.at(0).shape;
  };
  CHECK_EQ(answer_shape(spec), (Shape{1, 1, 4}));
  spec.outputs[0] = Tensor("OUTPUT0", DataType::kFp32, {2, 2});
  CHECK_EQ(answer_shape(spec), (Shape{1, 2, 2}));
}

TEST(AnswersAnAbsentOptionalInputWithZeros) {
  ModelSpec spec = Model();
  spec.inputs[0].optional = true;
  const auto instance = Instance(spec);
  Outcome outcome;
  const RequestPtr request =
      Request(3, {Input<std::int64_t>("INPUT1", DataType::kInt64, {3, 2}, {1, 2, 3, 4, 5, 6})}, {"OUTPUT0"}, &outcome);
  Execute(instance.get(), request);
  REQUIRE(outcome.response.outputs.size() == 1);
  CHECK_EQ(outcome.response.outputs[0].shape, (Shape{3, 1}));
  CHECK_EQ(ValuesOf<float>(outcome.response.outputs[0]), (std::vector<float>{0, 0, 0}));
}

TEST(FailsOnlyTheRequestWhoseInputIsMissing) {
  const auto instance = Instance(Model());
  Outcome bad;
  Outcome good;
  const RequestPtr first = Request(1, {}, {"OUTPUT0"}, &bad);
  const RequestPtr second = Request(1, {Input<float>("INPUT0", DataType::kFp32, {1, 1}, {5})}, {"OUTPUT0"}, &good);
  InferenceRequest* const batch[] = {first.get(), second.get()};
  instance->Execute(batch);
  CHECK_EQ(bad.status, Unimplemented("failed to get input 'INPUT0'"));
  CHECK_EQ(good.ends, 1);
  CHECK(good.status.ok());
}

TEST(RefusesConfigurationsThatAreNoPairs) {
  ModelSpec spec = Model();
  spec.outputs.pop_back();
  CHECK_EQ(Refusal(spec), "model configuration must have equal input/output pairs");
  spec = Model();
  spec.inputs[0].name = "data";
  CHECK_EQ(Refusal(spec), "expected input name to follow INPUT<index> pattern, got 'data'");
  spec = Model();
  spec.outputs[0].name = "OUTPUT";
  CHECK_EQ(Refusal(spec), "expected output name to follow OUTPUT<index> pattern, got 'OUTPUT'");
  spec = Model();
  spec.outputs[0].name = "OUTPUT7";
  CHECK_EQ(Refusal(spec), "expected input and output indices to match");
  spec = Model();
  spec.outputs[0].datatype = DataType::kBytes;
  CHECK_EQ(Refusal(spec), "expected input and output datatype to match, got TYPE_FP32 and TYPE_STRING");
  spec = Model();
  spec.outputs[1].dims = {3};
  CHECK_EQ(Refusal(spec), "expected input and output shape to match, got [2] and [3]");
  spec = Model();
  spec.parameters["execute_delay_ms"] = "soon";
  CHECK_EQ(Refusal(spec), "failed to convert 'soon' to integral number");
}

// Where there is a GPU, models of no instance group are placed there.
TEST(TakesInstancesOnGpus) {
  Status status;
  const auto model = Configured(Model(), &status);
  InstancePlacement placement;
  placement.kind = InstanceKind::kGpu;
  const auto instance = model->CreateInstance(placement);
  CHECK(instance.ok());
  CHECK(!(*instance)->TakesDeviceMemory(0));
}

// An hour's delay does not begin: the test would hang otherwise.
TEST(InterruptKeepsTheDelayFromBeginningUntilItsEnd) {
  ModelSpec spec = Model();
  spec.parameters["execute_delay_ms"] = "3600000";
  const auto instance = Instance(spec);
  instance->Interrupt();
  for (int i = 0; i < 2; ++i) {
    Outcome outcome;
    Execute(instance.get(), Request(1, {Input<float>("INPUT0", DataType::kFp32, {1, 1}, {5})}, {"OUTPUT0"}, &outcome));
    CHECK_EQ(outcome.ends, 1);
  }

  constexpr std::uint64_t kDelay = 20'000'000;
  spec.parameters["execute_delay_ms"] = "20";
  const auto quick = Instance(spec);
  quick->Interrupt();
  quick->EndInterrupt();
  Outcome outcome;
  const RequestPtr request = Request(1, {Input<float>("INPUT0", DataType::kFp32, {1, 1}, {5})}, {"OUTPUT0"}, &outcome);
  Execute(quick.get(), request);
  CHECK(request->times.compute_output_start - request->times.compute_input_end >= kDelay);
}

// An hour's delay ends at once: the test would hang otherwise.
TEST(InterruptEndsTheDelay) {
  ModelSpec spec = Model();
  spec.parameters["execute_delay_ms"] = "3600000";
  const auto instance = Instance(spec);
  Outcome outcome;
  const RequestPtr request = Request(1, {Input<float>("INPUT0", DataType::kFp32, {1, 1}, {5})}, {"OUTPUT0"}, &outcome);
  std::atomic<bool> done{false};
  std::thread runner([&] {
    Execute(instance.get(), request);
    done = true;
  });
  while (!done) {
    instance->Interrupt();  // Until it meets the run.
    std::this_thread::yield();
  }
  runner.join();
  CHECK_EQ(outcome.ends, 1);
}

TEST_MAIN()
