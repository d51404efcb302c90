// The whole way of a call through an engine of this process, with the identity backend.
#include "engine/engine.h"

#include <string>

#include "channel/client.h"
#include "check.h"
#include "engine/fakes.h"
#include "wire/infer_message.h"

using namespace triton_lite;
using namespace triton_lite::testing;

namespace {

ModelSpec Identity(std::int64_t version = 1) {
  ModelSpec spec = IdentitySpec(DataType::kInt32, {-1}, 4);
  spec.version = version;
  spec.backend = "identity";
  return spec;
}

std::string Message(std::string_view model, std::string_view version = {}, Shape shape = {1, 2},
                    std::string_view datatype = "INT32") {
  const wire::InferRequestBuilder::Input input{"INPUT0", datatype, shape.dims(), {}};
  return wire::EncodeInferRequest({.model_name = model,
                                   .model_version = version,
                                   .id = {},
                                   .parameters = {},
                                   .inputs = {&input, 1},
                                   .outputs = {}});
}

class Served {
 public:
  Served() : client_(MakeDirectClient(&engine)) {}

  void Publish(ModelSpec spec) {
    const std::string name = spec.name;
    const std::int64_t version = spec.version;
    auto loaded = engine.Load(std::move(spec), {});
    CHECK(loaded.ok());
    if (loaded.ok()) {
      engine.Publish(name, {{version, *loaded}}, {});
    }
  }

  ReceivedAnswerPtr Call(Method method, const std::string& message, const std::vector<Bytes>& segments) {
    const auto call = client_->Send(method, {message, segments});
    CHECK(call.ok());
    bool interrupted = false;
    return client_->Wait(*call, 0, &interrupted);
  }
  ReceivedAnswerPtr Infer(const std::string& message, std::string_view bytes = "12345678") {
    return Call(Method::kModelInfer, message, {AsBytes(bytes)});
  }

  Engine engine;

 private:
  std::unique_ptr<ChannelClient> client_;
};

}  // namespace

TEST(AnswersInference) {
  Served served;
  served.Publish(Identity());
  for (int i = 0; i < 50; ++i) {  // Some on the instance's thread, then some on ours.
    const auto answer = served.Infer(Message("identity"));
    REQUIRE(answer != nullptr && answer->status().ok() && answer->last());
    REQUIRE(answer->segments().size() == 1);
    CHECK_EQ(AsText(answer->segments()[0]), "12345678");
  }
}

TEST(AnswersErrors) {
  Served served;
  served.Publish(Identity());
  CHECK(served.Infer(Message("nope"))->status() == NotFound("Request for unknown model: 'nope' is not found"));
  CHECK(served.Infer(Message("identity", "3"))->status() ==
        NotFound("Request for unknown model: 'identity' version 3 is not found"));
  CHECK(served.Infer(Message("identity", "x"))->status().code() == Code::kInvalidArgument);
  CHECK(served.Infer(Message("identity", "", {9, 1}))->status().code() == Code::kInvalidArgument);
  CHECK(served.Infer("\xff\xff")->status().code() == Code::kInternal);
}

TEST(RegionsAreRefusedToClientsThatMayNotUseThem) {
  Served served;
  served.Publish(Identity());
  const auto denied = [](Method method) {
    return static_cast<Method>(static_cast<std::uint16_t>(method) | kRegionsDenied);
  };
  const Status refusal(Code::kUnimplemented,
                       "Client shared memory is disabled. Start the server with '--allow-client-shm=true' to enable.");
  const std::vector<std::pair<std::string, ParameterValue>> in_region = {
      {"shared_memory_region", std::string("nobody's")}, {"shared_memory_byte_size", std::int64_t{8}}};
  const std::int64_t dims[] = {1, 2};
  for (const bool as_input : {true, false}) {
    const wire::InferRequestBuilder::Input input{"INPUT0", "INT32", dims, {}};
    const wire::InferRequestBuilder::Input input_in_region{"INPUT0", "INT32", dims, in_region};
    const wire::InferRequestBuilder::Output output_in_region{"OUTPUT0", in_region};
    wire::InferRequestBuilder builder;
    builder.model_name = "identity";
    builder.inputs = {as_input ? &input_in_region : &input, 1};
    if (!as_input) {
      builder.outputs = {&output_in_region, 1};
    }
    const std::string message = wire::EncodeInferRequest(builder);
    for (const Method method : {Method::kModelInfer, Method::kModelStreamInfer}) {
      CHECK(served.Call(denied(method), message, {AsBytes("12345678")})->status() == refusal);
      CHECK(served.Call(method, message, {AsBytes("12345678")})->status() ==
            NotFound("Unable to find shared memory region: 'nobody's'"));
    }
  }
  CHECK(served.Call(denied(Method::kModelInfer), Message("identity"), {AsBytes("12345678")})->status().ok());
  for (const Method method : {Method::kSystemSharedMemoryRegister, Method::kSystemSharedMemoryUnregister,
                              Method::kCudaSharedMemoryRegister, Method::kCudaSharedMemoryUnregister}) {
    CHECK(served.Call(denied(method), "", {})->status() == refusal);
  }
}

TEST(CountsRequests) {
  Served served;
  served.Publish(Identity());
  served.Infer(Message("identity"));
  served.Infer(Message("identity", "", {2, 1}));
  served.Infer(Message("identity", "", {9, 1}));  // Refused before it is one of the model's.
  const Result<StatisticsSnapshot> counts = served.engine.Statistics("identity", -1);
  REQUIRE(counts.ok());
  CHECK_EQ(counts->success.count, 2u);
  CHECK_EQ(counts->inference_count, 3u);
  CHECK_EQ(counts->execution_count, 2u);
  CHECK_EQ(counts->failure.count, 0u);
  CHECK_EQ(counts->by_batch_size.size(), 2u);
  CHECK(!served.engine.Statistics("nope", -1).ok());
}

// The model never sees it, nor do the requests that it would share a batch with.
TEST(StringsThatAreCutFailTheirRequestAlone) {
  Served served;
  ModelSpec spec = IdentitySpec(DataType::kBytes, {1}, 4);
  spec.version = 1;
  spec.backend = "identity";
  served.Publish(std::move(spec));
  using std::string_literals::operator""s;
  const auto answer = served.Infer(Message("identity", "", {1, 1}, "BYTES"), "\x09\0\0\0abc"s);
  CHECK_EQ(answer->status().message(),
           "incomplete string data for inference input 'INPUT0', expecting string of length 9 but only 3 bytes "
           "available");
  CHECK(served.Infer(Message("identity", "", {1, 1}, "BYTES"), "\x03\0\0\0abc"s)->status().ok());
  const Result<StatisticsSnapshot> counts = served.engine.Statistics("identity", -1);
  REQUIRE(counts.ok());
  CHECK_EQ(counts->failures[static_cast<std::size_t>(FailureReason::kBackend)], 1u);
  CHECK_EQ(counts->success.count, 1u);
}

TEST(SaysWhetherAModelExists) {
  Served served;
  served.Publish(Identity());
  CHECK(served.Call(Method::kModelExists, Message("identity"), {})->status().ok());
  CHECK(served.Call(Method::kModelExists, Message("nope"), {})->status().code() == Code::kNotFound);
}

TEST(SaysWhetherAModelTakesInfer) {
  Served served;
  served.Publish(Identity());
  CHECK(served.Call(Method::kModelTakesInfer, Message("identity"), {})->status().ok());
  CHECK(served.Call(Method::kModelTakesInfer, Message("nope"), {})->status().code() == Code::kNotFound);
  ModelSpec spec = Identity(2);
  spec.decoupled = true;
  served.Publish(std::move(spec));
  CHECK(served.Call(Method::kModelTakesInfer, Message("identity"), {})->status().code() == Code::kUnimplemented);
  CHECK(served.Call(Method::kModelExists, Message("identity"), {})->status().ok());
}

TEST(AReloadSwapsVersions) {
  Served served;
  served.Publish(Identity(1));
  served.Publish(Identity(2));
  wire::InferResponseView view;
  const auto answer = served.Infer(Message("identity"));
  REQUIRE(answer->status().ok() && wire::DecodeInferResponse(answer->message(), &view).ok());
  CHECK_EQ(view.model_version, "2");
  served.engine.Retract("identity");
  CHECK_EQ(served.Infer(Message("identity"))->status().message(),
           "Request for unknown model: 'identity' has no available versions");
}

TEST(RefusesUnaryCallsToDecoupledModels) {
  Served served;
  ModelSpec spec = Identity();
  spec.decoupled = true;
  served.Publish(spec);
  CHECK(served.Infer(Message("identity"))->status() ==
        Unimplemented("ModelInfer RPC doesn't support models with decoupled transaction policy"));
}

TEST(SequenceModelsAskForASequence) {
  Served served;
  ModelSpec spec = Identity();
  spec.scheduler = SequenceBatchingSpec{};
  served.Publish(spec);
  CHECK(served.Infer(Message("identity"))->status() ==
        InvalidArgument("inference request to model 'identity' must specify a non-zero or non-empty correlation ID"));
}

TEST(ControlCallsWaitForTheControlPlane) {
  Engine engine;
  const auto call = std::make_shared<FakeCall>(Method::kServerMetadata, "question");
  engine.Handle(call);
  CHECK(call->answers.empty());
  engine.control().Next(0)->Reply("answer");
  CHECK_EQ(call->answers.at(0).answer.message, "answer");
}

TEST(StopAnswersWhatWaits) {
  Engine engine;
  const auto call = std::make_shared<FakeCall>(Method::kServerMetadata);
  engine.Handle(call);
  engine.Stop();
  CHECK(call->answers.at(0).answer.status.code() == Code::kUnavailable);
  engine.Stop();
}

TEST(NamesInstancesAsTriton) {
  ModelSpec spec = Identity();
  spec.instance_groups.resize(2);
  spec.instance_groups[0].count = 2;
  spec.instance_groups[1].kind = InstanceKind::kGpu;
  spec.instance_groups[1].gpus = {0, 3};
  const auto placements = PlaceInstances(spec, 8);
  REQUIRE(placements.size() == 4);
  CHECK_EQ(placements[1].name, "identity_0_1");
  CHECK_EQ(placements[3].name, "identity_1_0");
  CHECK_EQ(placements[3].device_id, 3);
  CHECK_EQ(placements[3].ordinal, 3);
  CHECK_EQ(placements[0].threads, 2);
}

TEST(UnknownBackendsAreTold) {
  ModelSpec spec = Identity();
  spec.backend = "nonsense";
  CHECK_EQ(OpenModel(spec).status().message(),
           "unable to find backend library for backend 'nonsense', try specifying runtime on the model configuration.");
}

TEST_MAIN()
