// A ModelLink against a model made by hand: batches, answers of every form, deaths, timeouts, and messages that are
// none.
#include "model_process/model_link.h"

#include <optional>
#include <random>
#include <thread>

#include "check.h"
#include "model_process/fake_model.h"
#include "schedule/fakes.h"

namespace triton_lite::model_process {
namespace {

using triton_lite::testing::Gate;
using triton_lite::testing::HeapMemory;
using triton_lite::testing::MakeRequest;
using triton_lite::testing::Record;
using triton_lite::testing::RecordedReply;

constexpr std::size_t kLarge = 1 << 20;

std::shared_ptr<const ModelSpec> MakeSpec(bool decoupled = false) {
  auto spec = std::make_shared<ModelSpec>();
  spec->name = "m";
  spec->decoupled = decoupled;
  spec->outputs.emplace_back().name = "OUT";
  spec->outputs.back().datatype = DataType::kUint8;
  return spec;
}

// A router for links that ask nothing of others, and one that answers by itself.
class FakeRouter : public ModelRouter {
 public:
  Result<RoutedModel> Find(const std::string& name, std::int64_t) override {
    if (name == "unready") {
      return Unavailable("not ready");
    }
    if (name != "other" && name != "many") {
      return NotFound("Request for unknown model: '" + name + "' is not found");
    }
    auto spec = std::make_shared<ModelSpec>();
    spec->name = name;
    spec->decoupled = name == "many";
    return RoutedModel{std::move(spec), nullptr};
  }
  void Start(const RoutedModel& model, RequestPtr request, EnqueueHint) override {
    request->model_name = model.spec->name;
    if (request->inputs.empty()) {
      request->failure_reason = FailureReason::kUncounted;
      request->responder->Fail(InvalidArgument("no inputs"));
      return;
    }
    if (hold_) {
      held_ = std::move(request);
      arrived_.Open();
      return;
    }
    Answer(*request);
  }
  static void Answer(InferenceRequest& request) {
    InferenceResponse response;
    response.parameters.Set("said", std::string("so"));
    const InputTensor& input = request.inputs[0];
    response.outputs.push_back({"OUT", input.datatype, input.shape, input.data});
    request.responder->Send(std::move(response), true);
  }
  void Hold() { hold_ = true; }
  RequestPtr TakeHeld() {
    arrived_.Wait();
    return std::move(held_);
  }

 private:
  bool hold_ = false;
  Gate arrived_;
  RequestPtr held_;
};

// A link with a process that is this one.
struct Linked {
  explicit Linked(bool decoupled = false) : link(std::make_shared<ModelLink>("m_0_0")) {
    link->Open(MakeSpec(decoupled), &router);
    Attach();
  }
  ~Linked() { link->Close(); }
  void Attach() {
    execute.emplace();
    calls.emplace();
    attached = link->Attach(execute->TakeEngineEnd(), calls->TakeEngineEnd(), getpid());
  }

  RequestPtr NewRequest(const std::string& id, std::size_t byte_size = 3) {
    RequestPtr request = MakeRequest(id, &record);
    request->outputs.emplace_back().name = "OUT";
    InputTensor& input = request->inputs.emplace_back();
    input.name = "IN";
    input.datatype = DataType::kUint8;
    input.shape = input.model_shape = {static_cast<std::int64_t>(byte_size)};
    input.data = AllocateHeap(byte_size).value();
    for (std::size_t i = 0; i < byte_size; ++i) {
      input.data.data[i] = static_cast<std::byte>(i * 7);
    }
    return request;
  }
  // Returns whether it went to the process.
  bool Start(std::vector<RequestPtr> batch) {
    std::vector<InferenceRequest*> view;
    for (const RequestPtr& request : batch) {
      view.push_back(request.get());
    }
    return link->Start(view, &batch, [this](std::vector<RequestPtr> given_back) {
      back = std::move(given_back);
      executed.Open();
    });
  }
  bool StartOne(const std::string& id, std::size_t byte_size = 3) {
    std::vector<RequestPtr> batch;
    batch.push_back(NewRequest(id, byte_size));
    return Start(std::move(batch));
  }
  RecordedReply Reply(std::size_t i = 0) {
    record.WaitFor(i + 1);
    return record.replies()[i];
  }

  FakeRouter router;
  Record record;
  Gate executed;
  std::vector<RequestPtr> back;
  std::optional<testing::ModelLane> execute;
  std::optional<testing::ModelLane> calls;
  Status attached;
  ModelLinkPtr link;  // Ends before what its requests use.
};

// A body of one response with one output.
testing::Body OneOutput(std::uint64_t key, std::uint32_t flags, std::uint32_t where, std::uint64_t place,
                        std::uint64_t byte_size) {
  testing::Body body;
  body.Add(Counts{.records = 1}).Add(ResponseRecord{.key = key, .flags = flags, .output_count = 1});
  return body.Tensor("OUT", DataType::kUint8, static_cast<std::int64_t>(byte_size), where, place, byte_size);
}

testing::Body NoOutput(std::uint64_t key, std::uint32_t flags) {
  testing::Body body;
  return body.Add(Counts{.records = 1}).Add(ResponseRecord{.key = key, .flags = flags});
}

Bytes OutputOf(const RecordedReply& reply) {
  return reply.response.outputs.empty() ? Bytes() : reply.response.outputs[0].data.bytes();
}

TEST(SmallTensorsLieInTheMessage) {
  Linked linked;
  CHECK(linked.attached.ok());
  REQUIRE(linked.StartOne("a"));
  const testing::Message message = linked.execute->Receive();
  CHECK_EQ(message.header.kind, kExecute);
  const std::vector<testing::SeenRequest> batch = ReadBatch(message);
  REQUIRE(batch.size() == 1 && batch[0].inputs.size() == 1);
  CHECK_EQ(batch[0].id, "a");
  CHECK_EQ(batch[0].outputs, "[\"OUT\"]");
  const TensorView& input = batch[0].inputs[0];
  CHECK_EQ(input.where, kInline);
  CHECK_EQ(input.place % 16, 0U);
  CHECK_EQ(message.body[input.place + 1], std::byte{7});
  testing::Body body;
  body.Add(Counts{.records = 1}).Add(ResponseRecord{.key = batch[0].key, .flags = kHasResponse, .output_count = 1});
  const std::size_t place = (body.size() + 48 + 15) / 16 * 16;
  body.Tensor("OUT", DataType::kUint8, 3, kInline, place, 3);
  while (body.size() < place) {
    body.Text(std::string_view("\0", 1));
  }
  body.Text("xyz");
  linked.execute->Send({.kind = kExecuted, .id = message.header.id}, body.bytes());
  CHECK_EQ(AsText(OutputOf(linked.Reply())), "xyz");
  linked.executed.Wait();
  CHECK_EQ(linked.back.size(), 1U);
  CHECK(linked.back[0] != nullptr);
}

TEST(LargeTensorsLieInTheArenaAndMayComeBackFromThere) {
  Linked linked;
  REQUIRE(linked.StartOne("a", kLarge));
  const testing::Message message = linked.execute->Receive();
  const std::vector<testing::SeenRequest> batch = ReadBatch(message);
  REQUIRE(batch.size() == 1);
  const TensorView& input = batch[0].inputs[0];
  CHECK_EQ(input.where, kElsewhere);
  CHECK_EQ(linked.execute->At(input.place)[kLarge - 1], static_cast<std::byte>((kLarge - 1) * 7));
  // A part of the block, unchanged.
  linked.execute->Send({.kind = kExecuted, .id = message.header.id},
                       OneOutput(batch[0].key, kHasResponse | kFinal, kInArena, input.place + 16, kLarge - 16).bytes());
  const RecordedReply reply = linked.Reply();
  CHECK_EQ(OutputOf(reply).size(), kLarge - 16);
  CHECK_EQ(OutputOf(reply)[0], std::byte{16 * 7});
}

TEST(OutputsAreReadFromTheMemoryOfTheModel) {
  Linked linked;
  REQUIRE(linked.StartOne("a"));
  const testing::Message message = linked.execute->Receive();
  const std::vector<testing::SeenRequest> batch = ReadBatch(message);
  const std::string output(kLarge, 'o');
  const std::uint32_t number = 5;
  linked.execute->Send(
      {.kind = kExecuted, .flags = number << kNumberShift, .id = message.header.id},
      OneOutput(batch[0].key, kHasResponse, kElsewhere, reinterpret_cast<std::uint64_t>(output.data()), output.size())
          .bytes());
  CHECK_EQ(AsText(OutputOf(linked.Reply())), output);
  const testing::Message taken = linked.execute->Receive();
  CHECK_EQ(taken.header.kind, kTaken);
  CHECK_EQ(taken.header.id, number);
}

TEST(OutputsOutsideOfItsMemoryFailTheRequestOnly) {
  Linked linked;
  REQUIRE(linked.StartOne("a"));
  testing::Message message = linked.execute->Receive();
  linked.execute->Send({.kind = kExecuted, .id = message.header.id},
                       OneOutput(ReadBatch(message)[0].key, kHasResponse, kElsewhere, 8, 100).bytes());
  CHECK_EQ(linked.Reply().code, Code::kInternal);
  linked.executed.Wait();
  CHECK_EQ(linked.execute->Receive().header.kind, kTaken);
  REQUIRE(linked.StartOne("b"));
  message = linked.execute->Receive();
  linked.execute->Send({.kind = kExecuted, .id = message.header.id},
                       OneOutput(ReadBatch(message)[0].key, kHasResponse, kInArena, 1 << 20, 100).bytes());
  CHECK_EQ(linked.Reply(1).code, Code::kInternal);
}

TEST(ErrorsHaveTheirCodeAndText) {
  Linked linked;
  REQUIRE(linked.StartOne("a"));
  const testing::Message message = linked.execute->Receive();
  testing::Body body;
  body.Add(Counts{.records = 1});
  body.Add(ResponseRecord{.key = ReadBatch(message)[0].key, .flags = kHasError, .error_code = 5, .error_length = 4});
  body.Text("lost").Pad();
  linked.execute->Send({.kind = kExecuted, .id = message.header.id}, body.bytes());
  CHECK_EQ(linked.Reply().code, Code::kNotFound);
  CHECK_EQ(linked.Reply().what, "lost");
}

TEST(AnErrorIsAnAnswerUnlessExecuteFailed) {
  for (const std::uint32_t flags : {kHasError, kHasError | kRaised}) {
    Linked linked;
    REQUIRE(linked.StartOne("a"));
    const testing::Message message = linked.execute->Receive();
    linked.execute->Send({.kind = kExecuted, .id = message.header.id},
                         NoOutput(ReadBatch(message)[0].key, flags).bytes());
    linked.executed.Wait();
    REQUIRE(linked.back.size() == 1);
    REQUIRE(linked.back[0] != nullptr);
    CHECK(linked.back[0]->failure_reason == (flags == kHasError ? FailureReason::kAnswered : FailureReason::kBackend));
    CHECK(linked.back[0]->times.compute_end != 0);
  }
}

TEST(DecoupledRequestsGoOnAfterTheirBatch) {
  Linked linked(/*decoupled=*/true);
  REQUIRE(linked.StartOne("a"));
  const testing::Message message = linked.execute->Receive();
  const std::uint64_t key = ReadBatch(message)[0].key;
  const std::string output = "out";
  const auto at = reinterpret_cast<std::uint64_t>(output.data());
  linked.execute->Send({.kind = kResponses}, OneOutput(key, kHasResponse, kElsewhere, at, 3).bytes());
  testing::Body none;
  linked.execute->Send({.kind = kExecuted, .id = message.header.id}, none.Add(Counts{}).bytes());
  linked.executed.Wait();
  REQUIRE(linked.back.size() == 1);
  CHECK(linked.back[0] == nullptr);
  linked.execute->Send({.kind = kResponses}, OneOutput(key, kHasResponse, kElsewhere, at, 3).bytes());
  linked.execute->Send({.kind = kResponses}, NoOutput(key, kFinal).bytes());
  linked.record.WaitFor(3);
  CHECK_EQ(AsText(OutputOf(linked.Reply(1))), "out");
  CHECK(!linked.Reply(1).last);
  CHECK_EQ(linked.Reply(2).what, "finish");
  // What comes behind the last one is not heard.
  linked.execute->Send({.kind = kResponses}, NoOutput(key, kFinal).bytes());
}

TEST(ErrorsAmongResponsesDoNotEndADecoupledRequest) {
  Linked linked(/*decoupled=*/true);
  REQUIRE(linked.StartOne("a"));
  const testing::Message message = linked.execute->Receive();
  const std::uint64_t key = ReadBatch(message)[0].key;
  const auto send = [&](std::uint32_t kind, std::uint32_t flags, std::string_view text) {
    testing::Body body;
    body.Add(Counts{.records = 1})
        .Add(ResponseRecord{
            .key = key, .flags = flags, .error_code = 5, .error_length = static_cast<std::uint32_t>(text.size())})
        .Text(text)
        .Pad();
    linked.execute->Send({.kind = kind, .id = message.header.id}, body.bytes());
  };
  send(kResponses, kHasError, "once");
  linked.execute->Send({.kind = kResponses}, NoOutput(key, kHasResponse).bytes());
  // Execute itself failed.
  send(kExecuted, kHasError | kFinal, "raised");
  linked.record.WaitFor(3);
  CHECK_EQ(linked.Reply(0).response.error, NotFound("once"));
  CHECK(!linked.Reply(0).last);
  CHECK_EQ(linked.Reply(1).what, "ok");
  CHECK_EQ(linked.Reply(2).what, "raised");
  CHECK(linked.Reply(2).response.error.ok());
}

TEST(ARequestWhoseClientDoesNotKeepUpIsPaused) {
  Linked linked(/*decoupled=*/true);
  linked.record.SetCredit(false);
  REQUIRE(linked.StartOne("a"));
  const std::uint64_t key = ReadBatch(linked.execute->Receive())[0].key;
  for (int round = 0; round < 2; ++round) {
    linked.execute->Send({.kind = kResponses}, NoOutput(key, kHasResponse).bytes());
    const testing::Message pause = linked.execute->Receive();
    CHECK(pause.header.kind == kPause && pause.header.id == key);
    // What comes all the same is passed on.
    linked.execute->Send({.kind = kResponses}, NoOutput(key, kHasResponse).bytes());
    linked.record.WaitFor(2 * static_cast<std::size_t>(round) + 2);
    linked.record.SetCredit(true);
    const testing::Message resume = linked.execute->Receive();
    CHECK(resume.header.kind == kResume && resume.header.id == key);
    linked.record.SetCredit(false);
  }
  // The end of the request is told too: somebody may wait to send more.
  linked.execute->Send({.kind = kResponses}, NoOutput(key, kHasResponse).bytes());
  CHECK_EQ(linked.execute->Receive().header.kind, kPause);
  linked.execute->Send({.kind = kResponses}, NoOutput(key, kFinal).bytes());
  CHECK_EQ(linked.execute->Receive().header.kind, kResume);
}

TEST(ARequestToBeRunAgainIsGivenBack) {
  Linked linked;
  REQUIRE(linked.StartOne("a"));
  const testing::Message message = linked.execute->Receive();
  linked.execute->Send({.kind = kExecuted, .id = message.header.id},
                       NoOutput(ReadBatch(message)[0].key, kRescheduled).bytes());
  linked.executed.Wait();
  REQUIRE(linked.back.size() == 1 && linked.back[0] != nullptr);
  CHECK(linked.back[0]->reschedule);
  linked.back[0]->responder->Finish();
}

TEST(BatchesKeepTheirOrderWhateverTheOrderOfAnswers) {
  Linked linked;
  std::vector<RequestPtr> batch;
  batch.push_back(linked.NewRequest("a"));
  batch.push_back(linked.NewRequest("b", kLarge));
  InferenceRequest* const first = batch[0].get();
  REQUIRE(linked.Start(std::move(batch)));
  const testing::Message message = linked.execute->Receive();
  const std::vector<testing::SeenRequest> seen = ReadBatch(message);
  REQUIRE(seen.size() == 2);
  testing::Body body;
  body.Add(Counts{.records = 2});
  body.Add(ResponseRecord{.key = seen[1].key, .flags = kHasResponse});
  body.Add(ResponseRecord{.key = seen[0].key, .flags = kHasResponse});
  linked.execute->Send({.kind = kExecuted, .id = message.header.id}, body.bytes());
  linked.executed.Wait();
  REQUIRE(linked.back.size() == 2);
  CHECK(linked.back[0].get() == first);
}

TEST(ADeathFailsWhatRunsAndWhatComesThenWaitsForTheNextProcess) {
  Linked linked;
  REQUIRE(linked.StartOne("a"));
  (void)linked.execute->Receive();
  CHECK(!linked.link->wanted());
  linked.execute->Close();
  const std::string text =
      "Failed to process the request(s) for model instance 'm_0_0', message: Stub process 'm_0_0' is not healthy.";
  CHECK_EQ(linked.Reply().what, text);
  linked.executed.Wait();
  CHECK_EQ(linked.back.size(), 1U);
  CHECK(linked.link->wanted());
  REQUIRE(linked.StartOne("b"));
  REQUIRE(linked.StartOne("c"));
  CHECK(linked.link->in_use());
  linked.Attach();
  CHECK(linked.attached.ok());
  CHECK(!linked.link->wanted());
  for (std::size_t i = 1; i < 3; ++i) {
    const testing::Message message = linked.execute->Receive();
    const std::vector<testing::SeenRequest> seen = ReadBatch(message);
    CHECK_EQ(seen[0].id, i == 1 ? "b" : "c");
    linked.execute->Send({.kind = kExecuted, .id = message.header.id},
                         NoOutput(seen[0].key, kHasResponse | kFinal).bytes());
    CHECK_EQ(linked.Reply(i).what, "ok");
  }
}

TEST(NothingWaitsForAProcessThatDoesNotComeSoon) {
  Linked linked;
  REQUIRE(linked.StartOne("a"));
  (void)linked.execute->Receive();
  linked.execute->Close();
  linked.executed.Wait();
  std::vector<RequestPtr> batch;
  batch.push_back(linked.NewRequest("b"));
  InferenceRequest* const view[] = {batch[0].get()};
  std::vector<RequestPtr> back;
  REQUIRE(linked.link->Start(view, &batch, [&](std::vector<RequestPtr> given_back) { back = std::move(given_back); }));
  CHECK(batch.empty());
  linked.link->GiveUp();
  CHECK_EQ(linked.Reply(1).code, Code::kInternal);
  REQUIRE(back.size() == 1);
  CHECK(back[0].get() == view[0]);
  CHECK(!linked.link->in_use());
  CHECK(!linked.StartOne("c"));
  CHECK_EQ(linked.Reply(2).code, Code::kInternal);
  linked.Attach();
  REQUIRE(linked.StartOne("d"));
  (void)linked.execute->Receive();
  linked.execute->Close();
  CHECK_EQ(linked.Reply(3).code, Code::kInternal);
  REQUIRE(linked.StartOne("e"));
  linked.link->Close();
  CHECK_EQ(linked.Reply(4).code, Code::kInternal);
}

TEST(ADeathThatNobodyNoticesWakesNobody) {
  Linked linked;
  linked.execute->Close();
  while (linked.link->attached()) {
    std::this_thread::yield();
  }
  CHECK(!linked.link->wanted());
  CHECK(!linked.StartOne("a"));
  CHECK(linked.link->wanted());
  CHECK(linked.StartOne("b"));
}

TEST(AnExecutionThatTakesTooLongEnds) {
  Linked linked;
  linked.link->SetExecuteTimeout(1'000'000);
  REQUIRE(linked.StartOne("a"));
  CHECK_EQ(linked.Reply().code, Code::kInternal);
}

TEST(RequestsOfOthersAreWaitedFor) {
  Linked linked(/*decoupled=*/true);
  RequestPtr request = linked.NewRequest("a");
  InferenceRequest* const view[] = {request.get()};
  std::vector<RequestPtr> none;
  Gate over;
  REQUIRE(linked.link->Start(view, &none, [&](std::vector<RequestPtr>) { over.Open(); }));
  const testing::Message message = linked.execute->Receive();
  testing::Body empty;
  linked.execute->Send({.kind = kExecuted, .id = message.header.id}, empty.Add(Counts{}).bytes());
  linked.execute->Send({.kind = kResponses}, NoOutput(ReadBatch(message)[0].key, kFinal).bytes());
  over.Wait();
  CHECK_EQ(linked.Reply().what, "finish");
}

TEST(BlocksOfTheArenaComeBack) {
  Linked linked;
  for (int i = 0; i < 30; ++i) {  // More than the first region holds.
    std::vector<RequestPtr> batch;
    batch.push_back(linked.NewRequest("a", 16 * kLarge));
    Gate executed;
    std::vector<InferenceRequest*> view{batch[0].get()};
    REQUIRE(linked.link->Start(view, &batch, [&](std::vector<RequestPtr>) { executed.Open(); }));
    const testing::Message message = linked.execute->Receive();
    const std::vector<testing::SeenRequest> seen = ReadBatch(message);
    testing::Body body;
    body.Add(Counts{.records = 1, .released = 1}).Add(ResponseRecord{.key = seen[0].key, .flags = kHasResponse});
    body.Add(seen[0].inputs[0].place);
    linked.execute->Send({.kind = kExecuted, .id = message.header.id}, body.bytes());
    executed.Wait();
    REQUIRE(linked.record.replies().back().what == "ok");
  }
}

TEST(RandomMessagesNeverDoMoreThanEndTheProcess) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    Linked linked(round % 2 == 0);
    REQUIRE(linked.StartOne("a", round % 3 == 0 ? kLarge : 3));
    const testing::Message message = linked.execute->Receive();
    const std::vector<testing::SeenRequest> seen = ReadBatch(message);
    const testing::Body body = OneOutput(seen[0].key, kHasResponse, random() % 3, random() % 64, random() % 64);
    std::vector<std::byte> packet(sizeof(Header) + body.size());
    const Header header{
        .kind = random() % 2 == 0 ? kExecuted : kResponses, .id = message.header.id, .length = body.size()};
    std::memcpy(packet.data(), &header, sizeof(header));
    std::memcpy(packet.data() + sizeof(header), body.bytes().data(), body.size());
    for (unsigned i = 0; i < 1 + random() % 4; ++i) {
      packet[random() % packet.size()] = static_cast<std::byte>(random());
    }
    packet.resize(random() % 4 == 0 ? random() % packet.size() : packet.size());
    linked.execute->SendRaw(packet);
    linked.calls->SendRaw(packet);
    linked.execute->Close();
    CHECK(!linked.Reply().request.empty());
  }
}

// What INFER carries of a request to `model` with one input of three bytes.
testing::Body InferBody(std::string_view model, std::uint32_t inputs = 1, std::uint64_t decoupled = 0) {
  testing::Body body;
  body.Add(InferRecord{.input_count = inputs,
                       .model_length = static_cast<std::uint32_t>(model.size()),
                       .outputs_length = 2,
                       .decoupled = decoupled});
  body.Text(model).Text("[]").Pad();
  if (inputs > 0) {
    static const std::string bytes = "abc";
    body.Tensor("IN", DataType::kUint8, 3, kElsewhere, reinterpret_cast<std::uint64_t>(bytes.data()), 3);
  }
  return body;
}

struct SeenResponse {
  Header header;
  ResponseView view;
  std::vector<std::byte> body;
};

SeenResponse ReadResponse(testing::Message message) {
  SeenResponse seen{message.header, {}, std::move(message.body)};
  Result<ResponsesView> view = ReadResponses(seen.body);
  if (view.ok() && !view->responses.empty()) {
    seen.view = view->responses[0];
  }
  return seen;
}

TEST(ModelsAskOthers) {
  Linked linked;
  linked.calls->Send({.kind = kInfer, .id = 7}, InferBody("other").bytes());
  const SeenResponse seen = ReadResponse(linked.calls->Receive());
  CHECK_EQ(seen.header.kind, kInferResponse);
  CHECK_EQ(seen.header.id, 7U);
  CHECK((seen.header.flags & kLast) != 0);
  CHECK_EQ(seen.view.parameters, "{\"said\":\"so\"}");
  REQUIRE(seen.view.outputs.size() == 1);
  CHECK_EQ(seen.body[seen.view.outputs[0].place], static_cast<std::byte>('a'));
}

TEST(WhatCannotBeAskedIsToldAsTritonTellsIt) {
  Linked linked;
  const auto ask = [&](const testing::Body& body) {
    linked.calls->Send({.kind = kInfer, .id = 1}, body.bytes());
    return ReadResponse(linked.calls->Receive()).view.error.message();
  };
  const std::string prefix = " - Error when running inference: ";
  CHECK_EQ(ask(InferBody("none")), "Model none" + prefix + "Request for unknown model: 'none' is not found");
  CHECK_EQ(ask(InferBody("unready")),
           "Model unready" + prefix + "Failed for execute the inference request. Model 'unready' is not ready.");
  CHECK_EQ(ask(InferBody("other", 0)), "Model other" + prefix + "no inputs");
  CHECK(ask(InferBody("many")).find("using the decoupled") != std::string::npos);
  CHECK_EQ(ask(InferBody("many", 1, 1)), "");
  testing::Body cut;
  CHECK_EQ(ask(cut.Add(Counts{})), Malformed().message());
}

TEST(WhatAModelAskedCanBeCancelled) {
  Linked linked;
  linked.router.Hold();
  linked.calls->Send({.kind = kInfer, .id = 3}, InferBody("other").bytes());
  const RequestPtr held = linked.router.TakeHeld();
  linked.calls->Send({.kind = kCancelInfer, .id = 3}, {});
  linked.calls->Send({.kind = kIsCancelled, .id = 4, .place = 99}, {});  // Answered after the other was heard.
  const testing::Message told = linked.calls->Receive();
  CHECK_EQ(told.header.kind, kCancelled);
  CHECK_EQ(told.header.place, 0U);
  CHECK(held->cancel->cancelled());
  FakeRouter::Answer(*held);
  CHECK_EQ(ReadResponse(linked.calls->Receive()).header.id, 3U);
}

TEST(ModelsAskWhetherTheirRequestsWereCancelled) {
  Linked linked;
  RequestPtr request = linked.NewRequest("a");
  const std::shared_ptr<CancelToken> cancel = request->cancel;
  std::vector<RequestPtr> batch;
  batch.push_back(std::move(request));
  REQUIRE(linked.Start(std::move(batch)));
  const std::uint64_t key = ReadBatch(linked.execute->Receive())[0].key;
  linked.calls->Send({.kind = kIsCancelled, .id = 1, .place = key}, {});
  CHECK_EQ(linked.calls->Receive().header.place, 0U);
  cancel->Cancel();
  linked.calls->Send({.kind = kIsCancelled, .id = 2, .place = key}, {});
  CHECK_EQ(linked.calls->Receive().header.place, 1U);
}

// What a scheduler does: a request that waits is answered on the thread that cancels it.
class AnswersAtOnce : public CancelListener {
 public:
  explicit AnswersAtOnce(RequestPtr request) : request_(std::move(request)) {}
  void OnCancelled() override { std::exchange(request_, nullptr)->responder->Fail(Cancelled("given up")); }

 private:
  RequestPtr request_;
};

// Has the model ask another one, where the request waits.
struct Asked {
  explicit Asked(Linked& linked) {
    linked.router.Hold();
    linked.calls->Send({.kind = kInfer, .id = 3}, InferBody("other").bytes());
    RequestPtr held = linked.router.TakeHeld();
    cancel = held->cancel;
    waits = std::make_shared<AnswersAtOnce>(std::move(held));
    cancel->Listen(waits);
  }

  std::shared_ptr<CancelToken> cancel;
  std::shared_ptr<AnswersAtOnce> waits;
};

TEST(WhatIsCancelledMayEndAtOnce) {
  Linked linked;
  const Asked asked(linked);
  linked.calls->Send({.kind = kCancelInfer, .id = 3}, {});
  CHECK_EQ(ReadResponse(linked.calls->Receive()).header.id, 3U);
}

TEST(WhatADeadModelAskedMayEndAtOnce) {
  Linked linked;
  const Asked asked(linked);
  REQUIRE(linked.StartOne("a"));
  linked.execute->Close();
  CHECK_EQ(linked.Reply().code, Code::kInternal);
  CHECK(asked.cancel->cancelled());
}

TEST(ADeathCancelsWhatTheModelAsked) {
  Linked linked;
  linked.router.Hold();
  linked.calls->Send({.kind = kInfer, .id = 3}, InferBody("other").bytes());
  const RequestPtr held = linked.router.TakeHeld();
  linked.link->Close();
  CHECK(held->cancel->cancelled());
  FakeRouter::Answer(*held);  // Heard by nobody.
}

}  // namespace
}  // namespace triton_lite::model_process

TEST_MAIN()
