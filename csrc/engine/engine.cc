#include "engine/engine.h"

#include <utility>

#include "engine/call_log.h"
#include "engine/call_responder.h"
#include "engine/request_builder.h"
#include "engine/shared_memory_parameters.h"
#include "engine/step_responder.h"
#include "engine/validate.h"
#include "log/log.h"
#include "wire/call_metadata.h"
#include "wire/generate.h"
#include "wire/infer_message.h"

namespace triton_lite {
namespace {

// Quick models may answer on the thread that brought the call.
constexpr EnqueueHint kFromReader{.may_run_inline = true};

void ReplyStatus(Call& call, Status status) { call.Reply(Answer{std::move(status), {}, {}}, true); }

Result<ServedModelPtr> FindModel(const ModelRegistry& registry, const wire::InferRequestView& view) {
  ASSIGN_OR_RETURN(const std::int64_t version, ParseModelVersion(view.model_version));
  return registry.Find(view.model_name, version);
}

// Where an answer is all that the front end can give, a model must answer exactly once.
Status CheckTransactionPolicy(const Call& call, const ServedModel& model) {
  if (!model.spec().decoupled || call.method() == Method::kModelStreamInfer) {
    return {};
  }
  return Unimplemented(call.peer().is_http()
                           ? "HTTP end point doesn't support models with decoupled transaction policy"
                           : "ModelInfer RPC doesn't support models with decoupled transaction policy");
}

RequestPtr NewRequest(const CallPtr& call, const ServedModelPtr& model, std::uint64_t start) {
  auto request = std::make_unique<InferenceRequest>();
  request->times.request_start = start;
  request->model_name = model->spec().name;
  request->model_version = model->spec().version;
  request->cancel = call->cancel_token();
  request->model = model;
  return request;
}

// The request, or null after it was ended with an error that its client is to take for the model's.
RequestPtr Unless(Status in_model, RequestPtr request) {
  if (in_model.ok()) {
    return request;
  }
  request->times.compute_start = NowNanoseconds();
  request->failure_reason = FailureReason::kBackend;
  request->responder->Fail(std::move(in_model));
  return nullptr;
}

void EnqueueOrFail(const CallPtr& call, Result<RequestPtr> request) {
  if (!request.ok()) {
    LogRefused(*call, request.status());
    ReplyStatus(*call, request.status());
    return;
  }
  if (*request == nullptr) {
    return;
  }
  LogPrepared(**request);
  // A share of its own: the request may have ended, and its model with it, before Enqueue returns.
  const auto model = std::static_pointer_cast<const ServedModel>((*request)->model);
  model->Enqueue(*std::move(request), kFromReader);
}

void LogTraceProblem(const std::string& text) { LogError(text); }

}  // namespace

Engine::Engine(EngineOptions options)
    : admission_(options.limits.any() ? std::make_shared<AdmissionControl>(options.limits) : nullptr),
      rate_limiter_(options.rate_limit.has_value() ? std::make_shared<RateLimiter>(*std::move(options.rate_limit))
                                                   : nullptr),
      local_cache_(options.local_cache_byte_size > 0 ? std::make_shared<LocalCache>(options.local_cache_byte_size)
                                                     : nullptr),
      remote_cache_(options.remote_cache ? std::make_shared<RemoteCache>() : nullptr),
      metrics_(std::move(options.metrics)),
      tracer_(options.trace, LogTraceProblem) {}

Engine::~Engine() { Stop(); }

Status Engine::Listen(ChannelServerOptions options) {
  MutexLock lock(mu_);
  if (server_ != nullptr) {
    return {Code::kFailedPrecondition, "the engine listens already"};
  }
  ASSIGN_OR_RETURN(server_, ChannelServer::Start(std::move(options), this));
  tracer_.OnActive([this, server = server_.get()](bool active) { server->SetTracing(TracingOf(active)); });
  return {};
}

std::size_t Engine::peer_count() const {
  MutexLock lock(mu_);
  return server_ == nullptr ? 0 : server_->peer_count();
}

std::vector<PeerInfo> Engine::peers() const {
  MutexLock lock(mu_);
  return server_ == nullptr ? std::vector<PeerInfo>() : server_->peers();
}

std::uint64_t Engine::idle_nanoseconds() const {
  MutexLock lock(mu_);
  const std::uint64_t since = server_ == nullptr ? 0 : server_->idle_since();
  const std::uint64_t now = NowNanoseconds();
  return since == 0 || since > now ? 0 : now - since;
}

void Engine::Handle(CallPtr call) {
  switch (call->method()) {
    case Method::kModelInfer:
    case Method::kModelStreamInfer:
    case Method::kRawInfer:
      return EnqueueOrFail(call, MakeInferRequest(call));
    case Method::kGenerate:
    case Method::kGenerateStream:
      return EnqueueOrFail(call, MakeGenerateRequest(call));
    case Method::kModelExists:
    case Method::kModelTakesInfer:
      return HandleExists(call);
    case Method::kTraceSent:
      return HandleTraceSent(call);
    default:
      if (call->regions_denied() && ChangesRegions(call->method())) {
        return ReplyStatus(*call, RegionsDisabled());
      }
      control_.Push(std::move(call));
  }
}

Result<RequestPtr> Engine::MakeInferRequest(const CallPtr& call) {
  const std::uint64_t start = NowNanoseconds();
  wire::InferRequestView view;
  RETURN_IF_ERROR(wire::DecodeInferRequest(call->message(), &view, call->peer().is_http()));
  ASSIGN_OR_RETURN(ServedModelPtr model, FindModel(registry_, view));
  RETURN_IF_ERROR(CheckTransactionPolicy(*call, *model));
  if (model->spec().decoupled) {
    call->ExpectMany();
  }
  if (call->regions_denied()) {
    RETURN_IF_ERROR(CheckUsesNoRegion(view));
  }
  RequestPtr request = NewRequest(call, model, start);
  RETURN_IF_ERROR(Admit(*call, model, request.get()));
  CallOptions options;
  const std::span<const Bytes> segments = call->segments();
  const bool may_change = model->takes_changing_inputs();
  if (call->method() == Method::kRawInfer) {
    RETURN_IF_ERROR(BuildRequest(view, {}, call, regions_, may_change, request.get(), &options));
    RETURN_IF_ERROR(BuildRawRequest(*model, segments.empty() ? Bytes() : segments[0], call, request.get()));
  } else {
    const std::span<const Bytes> raw = segments.empty() ? std::span<const Bytes>(view.raw_input_contents) : segments;
    RETURN_IF_ERROR(BuildRequest(view, raw, call, regions_, may_change, request.get(), &options, call->lent()));
  }
  Status in_model;
  RETURN_IF_ERROR(ValidateRequest(*model, request.get(), &in_model));
  MayTrace(*call, model->spec(), request.get());
  request->responder = MakeInferResponder(call, std::move(model), request.get(), &recorder_, std::move(options),
                                          std::string(view.model_version));
  return Unless(std::move(in_model), std::move(request));
}

Result<RequestPtr> Engine::MakeGenerateRequest(const CallPtr& call) {
  const std::uint64_t start = NowNanoseconds();
  wire::InferRequestView view;
  RETURN_IF_ERROR(wire::DecodeInferRequest(call->message(), &view, call->peer().is_http()));
  ASSIGN_OR_RETURN(ServedModelPtr model, FindModel(registry_, view));
  if (model->spec().decoupled) {
    call->ExpectMany();
  }
  RequestPtr request = NewRequest(call, model, start);
  RETURN_IF_ERROR(Admit(*call, model, request.get()));
  const std::span<const Bytes> segments = call->segments();
  const std::string_view json = segments.empty() ? std::string_view() : AsText(segments[0]);
  RETURN_IF_ERROR(wire::DecodeGenerate(model->spec(), json, request.get()));
  Status in_model;
  RETURN_IF_ERROR(ValidateRequest(*model, request.get(), &in_model));
  MayTrace(*call, model->spec(), request.get());
  request->responder = MakeGenerateResponder(call, std::move(model), request.get(), &recorder_);
  return Unless(std::move(in_model), std::move(request));
}

Status Engine::Admit(const Call& call, const ServedModelPtr& model, InferenceRequest* request) const {
  if (admission_ == nullptr) {
    return {};
  }
  std::uint64_t byte_size = call.message().size();
  for (const Bytes segment : call.segments()) {
    byte_size += segment.size();
  }
  ASSIGN_OR_RETURN(request->admission, admission_->Enter(byte_size, &model->in_flight(), model->spec().name, model));
  return {};
}

void Engine::HandleExists(const CallPtr& call) {
  // ModelReadyRequest has name and version where ModelInferRequest has them: fields 1 and 2, both strings.
  wire::InferRequestView view;
  Status status = wire::DecodeInferRequest(call->message(), &view, call->peer().is_http());
  if (status.ok()) {
    const Result<ServedModelPtr> model = FindModel(registry_, view);
    status = model.status();
    if (model.ok() && call->method() == Method::kModelTakesInfer) {
      status = CheckTransactionPolicy(*call, **model);
    }
  }
  ReplyStatus(*call, std::move(status));
}

void Engine::HandleTraceSent(const CallPtr& call) {
  if (const auto sent = wire::ReadTraceSent(call->message())) {
    tracer_.OnSent(call->peer().number, *sent);
  }
  ReplyStatus(*call, {});
}

void Engine::MayTrace(const Call& call, const ModelSpec& spec, InferenceRequest* request) {
  if (!tracer_.active()) {
    return;
  }
  const PeerInfo& peer = call.peer();
  const FrontProtocol protocol = peer.name == "grpc" ? FrontProtocol::kGrpc : FrontProtocol::kHttp;
  tracer_.Sample({peer.number, call.id(), protocol, call.metadata()}, request);
  if (request->trace != nullptr) {
    request->trace->OnStart(spec);
  }
}

Result<RoutedModel> Engine::Find(const std::string& model_name, std::int64_t model_version) {
  ASSIGN_OR_RETURN(const ServedModelPtr model, registry_.Find(model_name, model_version));
  return RoutedModel{{model, &model->spec()}, model};
}

void Engine::Start(const RoutedModel& routed, RequestPtr request, EnqueueHint hint) {
  const auto model = std::static_pointer_cast<const ServedModel>(routed.handle);
  request->model_name = model->spec().name;
  request->model_version = model->spec().version;
  request->model = model;
  request->times.request_start = NowNanoseconds();
  StepResponder::Install(request.get(), *model, &recorder_);
  Status in_model;
  Status status = ValidateRequest(*model, request.get(), &in_model);
  if (!status.ok() || !in_model.ok()) {
    request->failure_reason = status.ok() ? FailureReason::kBackend : FailureReason::kUncounted;
    request->responder->Fail(status.ok() ? std::move(in_model) : std::move(status));
    return;
  }
  if (request->trace != nullptr) {
    request->trace->OnStart(model->spec());
  }
  model->Enqueue(std::move(request), hint);
}

Result<ServedModelPtr> Engine::Load(ModelSpec spec, OpenedModel opened, std::optional<ModelLoadMetrics> metrics,
                                    const WarmUpLog& log) {
  ModelSurroundings surroundings{this, rate_limiter_, local_cache_, remote_cache_, nullptr, {}};
  if (metrics.has_value()) {
    surroundings.metrics = &metrics_;
    surroundings.metrics_spec = std::move(metrics->spec);
  }
  ASSIGN_OR_RETURN(std::unique_ptr<const ServedModel> model,
                   LoadModel(std::move(spec), std::move(opened), surroundings, log));
  if (metrics.has_value()) {
    model->metrics()->SetLoadSeconds(static_cast<double>(NowNanoseconds() - metrics->load_start) * 1e-9);
  }
  return reaper_.Adopt(std::move(model));
}

Result<MadeInstances> Engine::MakeInstances(const ServedModelPtr& model, const ModelSpec& spec,
                                            const std::vector<std::size_t>& ordinals, OpenedModel opened,
                                            const WarmUpLog& log) {
  return triton_lite::MakeInstances(*model, spec, ordinals, std::move(opened), rate_limiter_.get(), log);
}

std::pair<std::vector<std::size_t>, RetirementPtr> Engine::UpdateInstances(const ServedModelPtr& model,
                                                                           MadeInstances added,
                                                                           std::vector<std::size_t> removed) {
  auto retirement = std::make_shared<Retirement>(1);
  // Ends with the last that has a share in it, be that an instance or a scheduler that was to remove one.
  std::shared_ptr<const void> done(retirement.get(), [retirement](const void*) { retirement->EndOne(); });
  InstanceEnd end = reaper_.EndOfInstances(model->backend(), std::move(done));
  std::vector<std::size_t> numbers =
      model->Update({std::move(added.instances), std::move(added.seats), std::move(removed), std::move(end)});
  return {std::move(numbers), std::move(retirement)};
}

void Engine::Publish(const std::string& name, ModelRegistry::Versions versions, std::vector<std::int64_t> unready) {
  reaper_.Retire(registry_.Publish(name, std::move(versions), std::move(unready)));
}

RetirementPtr Engine::Retract(const std::string& name) { return reaper_.Retire(registry_.Retract(name)); }

Result<StatisticsSnapshot> Engine::Statistics(const std::string& name, std::int64_t version) const {
  ASSIGN_OR_RETURN(const ServedModelPtr model, registry_.Find(name, version));
  return model->statistics().Snapshot();
}

MetricsText Engine::Metrics() const {
  std::optional<CacheFigures> cache;
  if (local_cache_ != nullptr) {
    const CacheCounts counts = local_cache_->counts();
    cache = CacheFigures{.utilization = static_cast<double>(counts.byte_size) / static_cast<double>(counts.capacity),
                         .entries = counts.entries,
                         .hits = counts.hits,
                         .misses = counts.misses,
                         .evictions = counts.evictions,
                         .lookup_duration = counts.lookup_nanoseconds / 1000,
                         .insertion_duration = counts.insertion_nanoseconds / 1000};
  }
  return metrics_.Text(cache);
}

void Engine::Alias(const std::string& name, std::string target) { registry_.Alias(name, std::move(target)); }

void Engine::Refuse(const std::string& name, Status refusal) {
  refusal.ok() ? registry_.EndRefusal(name) : registry_.Refuse(name, std::move(refusal));
}

void Engine::Stop() {
  tracer_.OnActive(nullptr);
  {
    MutexLock lock(mu_);
    if (server_ != nullptr) {
      server_->Stop();
    }
  }
  control_.Stop();
  if (remote_cache_ != nullptr) {
    remote_cache_->Stop();
  }
  reaper_.Drain(registry_.RetractAll());
  reaper_.WaitUntilIdle();
  tracer_.Stop();
}

}  // namespace triton_lite
