#include "trace/tracer.h"

#include <thread>

#include "check.h"
#include "core/model_spec.h"

using namespace triton_lite;

namespace {

constexpr const char* kParent = "00-0af7651916cd43dd8448eb211c12666c-b7ad6b7169242424-01";

// Spans, so that the records can be taken as they are.
TraceConfig Config(std::uint32_t rate = 1, TraceLevel level = kTraceTimestamps) {
  TraceConfig config;
  config.mode = TraceMode::kOpenTelemetry;
  config.values.level = level;
  config.values.rate = rate;
  return config;
}

void NoLog(const std::string&) {}

// A front end's call over connection 77, with its times and perhaps a trace context.
struct Front {
  explicit Front(FrontProtocol front_protocol, std::uint64_t call_id = 5, const std::string& parent = {})
      : protocol(front_protocol), id(call_id), metadata(Metadata(parent)) {}

  static std::string Metadata(const std::string& parent) {
    const std::string byte_size(8, '\0');
    return wire::EncodeCallMetadata(100, 200, parent.empty() ? "" : byte_size + "\n\n" + parent + "\nstate");
  }
  FrontCall call() const { return {77, id, protocol, AsBytes(metadata)}; }

  FrontProtocol protocol;
  std::uint64_t id;
  std::string metadata;
};

constexpr FrontProtocol kHttp = FrontProtocol::kHttp;
constexpr FrontProtocol kGrpc = FrontProtocol::kGrpc;

RequestPtr Request(const std::string& model = "simple") {
  auto request = std::make_unique<InferenceRequest>();
  request->model_name = model;
  request->model_version = 2;
  request->id = "one";
  request->times.request_start = 1000;
  request->cancel = std::make_shared<CancelToken>();
  return request;
}

void Finish(InferenceRequest* request) {
  request->times.queue_start = 1001;
  request->times.compute_start = 1002;
  request->times.compute_input_end = 1003;
  request->times.compute_output_start = 1004;
  request->times.compute_end = 1006;
  request->times.request_end = 1005;
}

using Names = std::vector<std::string>;

Names NamesOf(const std::vector<TraceEvent>& events) {
  Names names;
  for (const TraceEvent& event : events) {
    names.push_back(event.name);
  }
  return names;
}

std::vector<TraceRecord> TakeAll(Tracer& tracer) { return tracer.queue()->Take(0); }

}  // namespace

TEST(RecordsFromTheTimestampsOfTheRequest) {
  Tracer tracer(Config(), NoLog);
  RequestPtr request = Request();
  tracer.Sample({}, request.get());
  CHECK(request->trace != nullptr);
  request->trace->OnStart(ModelSpec());
  CHECK(!request->trace->OnAnswer());
  Finish(request.get());
  CHECK(TakeAll(tracer).empty());
  request.reset();
  const std::vector<TraceRecord> records = TakeAll(tracer);
  CHECK_EQ(records.size(), 1u);
  CHECK_EQ(records[0].requests.size(), 1u);
  const TracedModel& model = records[0].requests[0];
  CHECK_EQ(model.model_name, "simple");
  CHECK_EQ(model.model_version, 2);
  CHECK_EQ(model.request_id, "one");
  CHECK_EQ(model.id, records[0].id);
  CHECK_EQ(model.parent_id, 0u);
  CHECK((NamesOf(model.events) == Names{"REQUEST_START", "QUEUE_START", "COMPUTE_START", "COMPUTE_INPUT_END",
                                        "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END"}));
  CHECK_EQ(model.events[0].time, 1000u);
  CHECK_EQ(model.events[6].time, 1006u);  // Not before its execution ended.
  CHECK((NamesOf(records[0].sent) == Names{"INFER_RESPONSE_COMPLETE"}));
}

TEST(WhatWasNotRunHasNoComputeTimes) {
  Tracer tracer(Config(), NoLog);
  RequestPtr request = Request();
  tracer.Sample({}, request.get());
  request->times.compute_start = 5;  // An error in the model's validation.
  request->times.request_end = 6;
  request.reset();
  const auto records = TakeAll(tracer);
  CHECK((NamesOf(records[0].requests[0].events) == Names{"REQUEST_START", "REQUEST_END"}));
}

TEST(StepsOfAnEnsembleAreItsChildren) {
  Tracer tracer(Config(), NoLog);
  ModelSpec ensemble;
  ensemble.scheduler = EnsembleSpec();
  RequestPtr request = Request("ensemble");
  tracer.Sample({}, request.get());
  request->trace->OnStart(ensemble);
  RequestPtr step = Request("step");
  step->trace = request->trace->MakeChild(*step);
  step->trace->OnStart(ModelSpec());
  Finish(step.get());
  step.reset();
  Finish(request.get());
  request.reset();
  const auto records = TakeAll(tracer);
  CHECK_EQ(records[0].requests.size(), 2u);
  const TracedModel& child = records[0].requests[0];
  const TracedModel& parent = records[0].requests[1];
  CHECK_EQ(child.model_name, "step");
  CHECK_EQ(child.parent_id, parent.id);
  CHECK(child.id > parent.id);
  CHECK((NamesOf(parent.events) == Names{"REQUEST_START", "QUEUE_START", "REQUEST_END"}));
}

TEST(WaitsForTheFrontEndToHaveSent) {
  Tracer tracer(Config(), NoLog);
  RequestPtr request = Request();
  tracer.Sample(Front(kHttp).call(), request.get());
  CHECK(request->trace->OnAnswer());
  request.reset();
  CHECK(TakeAll(tracer).empty());
  tracer.OnSent(78, {5, 300, 400});
  tracer.OnSent(77, {6, 300, 400});
  CHECK(TakeAll(tracer).empty());
  tracer.OnSent(77, {5, 300, 400});
  const auto records = TakeAll(tracer);
  CHECK_EQ(records.size(), 1u);
  CHECK((NamesOf(records[0].received) == Names{"HTTP_RECV_START", "HTTP_RECV_END"}));
  CHECK((NamesOf(records[0].sent) == Names{"INFER_RESPONSE_COMPLETE", "HTTP_SEND_START", "HTTP_SEND_END"}));
  CHECK_EQ(records[0].sent[2].time, 400u);
}

TEST(NamesTheTimesOfGrpc) {
  Tracer tracer(Config(), NoLog);
  RequestPtr request = Request();
  tracer.Sample(Front(kGrpc).call(), request.get());
  CHECK(request->trace->OnAnswer());
  request.reset();
  tracer.Stop();  // Nobody says any more when it was sent.
  const auto records = TakeAll(tracer);
  CHECK((NamesOf(records[0].sent) == Names{"GRPC_WAITREAD_START", "GRPC_WAITREAD_END", "INFER_RESPONSE_COMPLETE"}));
}

TEST(ACancelledRequestWaitsForNobody) {
  Tracer tracer(Config(), NoLog);
  RequestPtr request = Request();
  tracer.Sample(Front(kGrpc).call(), request.get());
  request->cancel->Cancel();
  CHECK(!request->trace->OnAnswer());
  request.reset();
  const auto records = TakeAll(tracer);
  CHECK((NamesOf(records[0].sent) == Names{"GRPC_WAITREAD_START", "GRPC_WAITREAD_END"}));
}

TEST(AClientsContextForcesSampling) {
  Tracer tracer(Config(1000), NoLog);
  RequestPtr request = Request();
  tracer.Sample(Front(kHttp, 1, "00-nonsense").call(), request.get());
  CHECK(request->trace == nullptr);
  tracer.Sample(Front(kHttp, 2, kParent).call(), request.get());
  CHECK(request->trace != nullptr);
  request.reset();
  const auto records = TakeAll(tracer);
  CHECK_EQ(records[0].parent->span_id, "b7ad6b7169242424");
  CHECK_EQ(records[0].tracestate, "state");
}

TEST(AModelIsToldTheIdsThatItsSpanGets) {
  Tracer tracer(Config(), NoLog);
  RequestPtr request = Request();
  tracer.Sample({}, request.get());
  const std::string context = request->trace->Context();
  CHECK_EQ(request->trace->Context(), context);
  RequestPtr child = Request("child");
  child->trace = request->trace->MakeChild(*child);
  const std::string below = child->trace->Context();
  child.reset();
  request.reset();
  const auto records = TakeAll(tracer);
  const std::string& trace_id = records[0].trace_id;
  CHECK_EQ(records[0].requests[0].model_name, "child");
  const auto expected = [&](const std::string& span_id) {
    return R"({"traceparent":"00-)" + trace_id + "-" + span_id + R"(-01"})";
  };
  CHECK_EQ(below, expected(records[0].requests[0].span_id));
  CHECK_EQ(context, expected(records[0].requests[1].span_id));
  CHECK(below != context);
  CHECK(ParseTraceParent("00-" + trace_id + "-" + records[0].requests[1].span_id + "-01").has_value());
}

TEST(AModelIsToldItsClientsTraceAndState) {
  Tracer tracer(Config(1000), NoLog);
  RequestPtr request = Request();
  tracer.Sample(Front(kHttp, 2, kParent).call(), request.get());
  const std::string context = request->trace->Context();
  request.reset();
  const auto records = TakeAll(tracer);
  CHECK(records[0].trace_id.empty());
  CHECK_EQ(context, R"({"traceparent":"00-0af7651916cd43dd8448eb211c12666c-)" + records[0].requests[0].span_id +
                        R"(-01","tracestate":"state"})");
}

TEST(WithoutSpansThereIsNoContext) {
  Tracer tracer(Config(1, kTraceTensors), NoLog);
  RequestPtr request = Request();
  tracer.Sample({}, request.get());
  REQUIRE(request->trace != nullptr);
  CHECK_EQ(request->trace->Context(), "");
}

TEST(InFilesAClientsContextForcesNothing) {
  TraceConfig config = Config(1000);
  config.mode = TraceMode::kTriton;
  config.file = "/dev/null";
  Tracer tracer(config, NoLog);
  RequestPtr request = Request();
  tracer.Sample(Front(kHttp, 2, kParent).call(), request.get());
  CHECK(request->trace == nullptr);
}

TEST(WhoSaysNothingIsNotWaitedFor) {
  Tracer tracer(Config(), NoLog);
  for (const std::string& metadata : {std::string("h"), std::string(23, 'x'), wire::EncodeCallMetadata(0, 0, {})}) {
    RequestPtr request = Request();
    tracer.Sample({1, 1, kHttp, AsBytes(metadata)}, request.get());
    CHECK(request->trace != nullptr);
    CHECK(!request->trace->OnAnswer());
    request.reset();
  }
  CHECK_EQ(TakeAll(tracer).size(), 3u);
}

TEST(TellsWhetherItIsActive) {
  Tracer tracer(Config(1000, 0), NoLog);
  std::vector<bool> told;
  tracer.OnActive([&told](bool active) { told.push_back(active); });
  TraceChanges on;
  on.level.value = kTraceTimestamps;
  CHECK(tracer.Update("simple", on).ok());
  CHECK(tracer.active());
  CHECK(tracer.Update("other", on).ok());
  TraceChanges off;
  off.level.clear = true;
  CHECK(tracer.Update("simple", off).ok());
  CHECK(tracer.Update("other", off).ok());
  CHECK(!tracer.active());
  CHECK((told == std::vector<bool>{false, true, false}));
}

TEST(EverythingAtOnce) {
  Tracer tracer(Config(3), NoLog);
  std::vector<std::thread> threads;
  for (std::uint64_t i = 0; i < 3; ++i) {
    threads.emplace_back([&tracer, i] {
      for (std::uint64_t j = 0; j < 500; ++j) {
        RequestPtr request = Request();
        const std::uint64_t token = i * 1000 + j;
        tracer.Sample(Front(kHttp, token).call(), request.get());
        if (request->trace != nullptr) {
          request->trace->OnStart(ModelSpec());
          request->trace->OnAnswer();
          std::thread sent([&tracer, token] { tracer.OnSent(77, {token, 1, 2}); });
          request.reset();
          sent.join();
        }
      }
    });
  }
  threads.emplace_back([&tracer] {
    for (int i = 0; i < 100; ++i) {
      TraceChanges changes;
      changes.rate.value = 2 + static_cast<std::uint32_t>(i % 3);
      CHECK(tracer.Update(i % 2 == 0 ? "" : "simple", changes).ok());
    }
  });
  for (std::thread& thread : threads) {
    thread.join();
  }
  const auto records = TakeAll(tracer);
  CHECK(records.size() > 100);
  for (const TraceRecord& record : records) {
    CHECK_EQ(record.sent.size(), 3u);
  }
}

TEST_MAIN()
