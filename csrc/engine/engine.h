// The engine: decodes calls, checks them against the models that it serves, runs them, answers.
// decode → validate → scheduler → instance → backend → encode → reply
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "channel/call.h"
#include "channel/server.h"
#include "core/status.h"
#include "engine/admission.h"
#include "engine/control_bridge.h"
#include "engine/model_loader.h"
#include "engine/model_reaper.h"
#include "engine/model_registry.h"
#include "engine/region_registry.h"
#include "engine/request_recorder.h"
#include "metrics/metrics_registry.h"
#include "schedule/scheduler.h"
#include "trace/tracer.h"
#include "wire/infer_message.h"

namespace triton_lite {

struct EngineOptions {
  // --rate-limit-resource with --rate-limit=execution_count; nothing: --rate-limit=off.
  std::optional<std::vector<ResourceLimit>> rate_limit;
  std::uint64_t local_cache_byte_size = 0;  // 0: there is no local response cache.
  bool remote_cache = false;                // Somebody takes the tasks of remote_cache().
  TraceConfig trace = {};
  MetricsOptions metrics;
  AdmissionLimits limits = {};
};

// How a model appears in the metrics.
struct ModelLoadMetrics {
  ModelMetricsSpec spec;
  std::uint64_t load_start = 0;  // Steady-clock nanoseconds, from which the time of the load counts.
};

// Thread-safe. Never needs Python: control calls wait in the bridge until somebody takes them.
class Engine final : public CallHandler, public ModelRouter {
 public:
  explicit Engine(EngineOptions options = {});
  ~Engine() override;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Serves the channel on a socket. Once.
  Status Listen(ChannelServerOptions options);
  std::vector<PeerInfo> peers() const EXCLUDES(mu_);
  std::size_t peer_count() const;
  // Nanoseconds without a peer; 0 while there is one or nobody listens.
  std::uint64_t idle_nanoseconds() const;

  // Inference runs on the calling thread as far as a quick model allows, everything else goes to control().
  void Handle(CallPtr call) override;
  // Steps of ensembles.
  Result<RoutedModel> Find(const std::string& model_name, std::int64_t model_version) override;
  void Start(const RoutedModel& model, RequestPtr request, EnqueueHint hint) override;
  Tracing tracing() const override { return TracingOf(tracer_.active()); }

  // Blocks while files are read and instances are made and warmed up. The model is not served yet. `metrics`: nothing,
  // and the model has none.
  Result<ServedModelPtr> Load(ModelSpec spec, OpenedModel opened, std::optional<ModelLoadMetrics> metrics = {},
                              const WarmUpLog& log = {});
  // Makes more instances for a model, which it does not have yet. See model_loader.h.
  Result<MadeInstances> MakeInstances(const ServedModelPtr& model, const ModelSpec& spec,
                                      const std::vector<std::size_t>& ordinals, OpenedModel opened,
                                      const WarmUpLog& log = {});
  // Gives a model instances, and takes others away. Returns the numbers of the former, and what tells when the latter
  // are gone.
  std::pair<std::vector<std::size_t>, RetirementPtr> UpdateInstances(const ServedModelPtr& model, MadeInstances added,
                                                                     std::vector<std::size_t> removed);
  // Replaces all that is served under `name` at once. `unready` versions exist but do not serve.
  // What was replaced ends its requests in the background and can not be published again.
  void Publish(const std::string& name, ModelRegistry::Versions versions, std::vector<std::int64_t> unready);
  // The models of `name` become unready. The retirement tells when their last requests have ended.
  RetirementPtr Retract(const std::string& name);
  // What was counted of a version that is served (-1: the latest). Errors as those of a request to it.
  Result<StatisticsSnapshot> Statistics(const std::string& name, std::int64_t version) const;
  // What Prometheus gets.
  MetricsText Metrics() const;
  // So many seconds have passed since the last call: gauges of an interval show what happened in them.
  void EndMetricsInterval(double seconds) { metrics_.EndInterval(seconds); }
  // A name that is served as another one, or not at all (see ModelRegistry).
  void Alias(const std::string& name, std::string target);
  // OK: it is not refused any more.
  void Refuse(const std::string& name, Status refusal);

  ControlBridge& control() { return control_; }
  RegionRegistry& regions() { return regions_; }
  Tracer& tracer() { return tracer_; }
  // Null unless it was asked for.
  RemoteCache* remote_cache() { return remote_cache_.get(); }

  // Takes no more calls, lets the requests taken so far end, answers pending control calls UNAVAILABLE. Idempotent.
  void Stop();

 private:
  // Only spans take their client's trace context.
  Tracing TracingOf(bool active) const {
    return !active ? Tracing::kNone : tracer_.queue() == nullptr ? Tracing::kTimes : Tracing::kTimesAndContext;
  }

  // Lets a request in, if there are limits and these allow it.
  Status Admit(const Call& call, const ServedModelPtr& model, InferenceRequest* request) const;
  void HandleExists(const CallPtr& call);
  void HandleTraceSent(const CallPtr& call);
  // Null when the call was answered already.
  Result<RequestPtr> MakeInferRequest(const CallPtr& call);
  Result<RequestPtr> MakeGenerateRequest(const CallPtr& call);
  // Has a request that is about to run traced, if it is sampled.
  void MayTrace(const Call& call, const ModelSpec& spec, InferenceRequest* request);

  const std::shared_ptr<AdmissionControl> admission_;  // Null without limits.
  const std::shared_ptr<RateLimiter> rate_limiter_;
  const std::shared_ptr<LocalCache> local_cache_;
  const std::shared_ptr<RemoteCache> remote_cache_;
  MetricsRegistry metrics_;
  RequestRecorder recorder_;
  Tracer tracer_;
  ControlBridge control_;
  ModelReaper reaper_;
  ModelRegistry registry_;
  RegionRegistry regions_;
  mutable Mutex mu_;
  std::unique_ptr<ChannelServer> server_ GUARDED_BY(mu_);
};

}  // namespace triton_lite
