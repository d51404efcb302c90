#include "engine/model_loader.h"

#include <algorithm>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "cache/caching_scheduler.h"
#include "core/low_priority.h"
#include "engine/cpu_budget.h"
#include "engine/initial_states.h"
#include "engine/logged_instance.h"
#include "engine/staged_instance.h"
#include "engine/warm_up_sample.h"

namespace triton_lite {
namespace {

// Whether the rate limiter is to be asked at all: models that need nothing of it run freely.
bool IsLimited(const ModelSpec& spec) {
  return std::any_of(spec.instance_groups.begin(), spec.instance_groups.end(),
                     [](const InstanceGroupSpec& group) { return !group.rate_limiter.resources.empty(); });
}

// One instance after the other is made and warmed up, as in Triton, which decides what error is told.
Result<MadeInstances> CreateInstances(const ModelSpec& spec, BackendModel* backend,
                                      std::span<const InstancePlacement> placements, RateLimiter* limiter,
                                      const WarmUpLog& log) {
  MadeInstances created;
  Instances& instances = created.instances;
  std::vector<WarmUpSample> samples;
  for (const InstancePlacement& placement : placements) {
    ASSIGN_OR_RETURN(std::unique_ptr<BackendInstance> instance, backend->CreateInstance(placement));
    if (instances.empty()) {
      ASSIGN_OR_RETURN(samples, MakeWarmUpSamples(spec));
    }
    if (!samples.empty()) {
      Status status;
      RunAtLowPriority([&] { status = WarmUp(spec, samples, placement, instance.get(), log); });
      RETURN_IF_ERROR(status);
    }
    auto staged = std::make_unique<StagedInstance>(std::move(instance));
    instances.push_back(std::make_unique<LoggedInstance>(placement.name, std::move(staged)));
    if (limiter != nullptr) {
      ASSIGN_OR_RETURN(RateLimiter::SeatPtr seat, limiter->Register(placement.rate_limiter, placement.device_id));
      created.seats.push_back(std::move(seat));
    }
  }
  return created;
}

Status CheckPlacements(const ModelSpec& spec, std::span<const InstancePlacement> placements) {
  if (!placements.empty()) {
    return {};
  }
  return InvalidArgument("model '" + spec.name +
                         "' has no instance that serves: expected an instance_group that is not passive with a "
                         "count of at least 1");
}

std::unique_ptr<const ServedModel> Serve(ModelSpec spec, std::shared_ptr<BackendModel> backend,
                                         std::unique_ptr<Scheduler> scheduler, const ModelSurroundings& surroundings) {
  if (spec.response_cache && surroundings.local_cache != nullptr) {
    scheduler = std::make_unique<CachingScheduler>(surroundings.local_cache, std::move(scheduler));
  }
  if (spec.response_cache && surroundings.remote_cache != nullptr) {
    scheduler = MakeRemoteCachingScheduler(surroundings.remote_cache, std::move(scheduler));
  }
  ModelMetricsPtr metrics;
  if (surroundings.metrics != nullptr) {
    ModelMetricsSpec metrics_spec = surroundings.metrics_spec;
    metrics_spec.cached =
        spec.response_cache && (surroundings.local_cache != nullptr || surroundings.remote_cache != nullptr);
    metrics = surroundings.metrics->Acquire(std::move(metrics_spec));
  }
  return std::make_unique<const ServedModel>(std::move(spec), std::move(backend), std::move(scheduler),
                                             std::move(metrics));
}

}  // namespace

Result<OpenedModel> OpenModel(const ModelSpec& spec) {
  Backend* backend = FindBackend(spec.backend);
  if (backend == nullptr) {
    return InvalidArgument("unable to find backend library for backend '" + spec.backend +
                           "', try specifying runtime on the model configuration.");
  }
  OpenedModel opened;
  ASSIGN_OR_RETURN(opened.backend, backend->Open(spec));
  return opened;
}

std::vector<InstancePlacement> PlaceInstances(const ModelSpec& spec, std::int32_t cores) {
  std::vector<InstanceGroupSpec> groups = spec.instance_groups;
  if (groups.empty()) {
    groups.emplace_back();
  }
  std::vector<InstancePlacement> placements;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const InstanceGroupSpec& group = groups[g];
    const std::string name = group.name.empty() ? spec.name + "_" + std::to_string(g) : group.name;
    std::vector<std::int32_t> devices = {0};
    if (group.kind == InstanceKind::kGpu && !group.gpus.empty()) {
      devices = group.gpus;
    }
    for (std::int32_t c = 0; c < (group.passive ? 0 : group.count); ++c) {
      for (const std::int32_t device : devices) {
        placements.push_back({name + "_" + std::to_string(c), group.kind, device,
                              static_cast<std::int32_t>(placements.size()), static_cast<std::int32_t>(g), 1,
                              group.rate_limiter});
      }
    }
  }
  const std::int32_t share = CoresPerInstance(cores, static_cast<std::int32_t>(placements.size()));
  for (InstancePlacement& placement : placements) {
    placement.threads = share;
  }
  return placements;
}

Result<std::unique_ptr<const ServedModel>> LoadModel(ModelSpec spec, OpenedModel opened,
                                                     const ModelSurroundings& surroundings, const WarmUpLog& log) {
  if (std::holds_alternative<EnsembleSpec>(spec.scheduler)) {
    auto scheduler = MakeEnsembleScheduler(spec, surroundings.router);
    return Serve(std::move(spec), nullptr, std::move(scheduler), surroundings);
  }
  if (opened.backend == nullptr) {
    ASSIGN_OR_RETURN(opened, OpenModel(spec));
  }
  RETURN_IF_ERROR(opened.backend->Configure(spec));
  const std::vector<InstancePlacement> placements = PlaceInstances(spec, AvailableCores());
  RETURN_IF_ERROR(CheckPlacements(spec, placements));
  RateLimiter* const limiter = IsLimited(spec) ? surroundings.rate_limiter.get() : nullptr;
  ASSIGN_OR_RETURN(MadeInstances created, CreateInstances(spec, opened.backend.get(), placements, limiter, log));
  spec.model_warmup.clear();
  std::unique_ptr<Scheduler> scheduler;
  if (std::holds_alternative<SequenceBatchingSpec>(spec.scheduler)) {
    ASSIGN_OR_RETURN(SequenceStates initial, MakeInitialStates(spec));
    scheduler = MakeSequenceScheduler(spec, std::move(created.instances), std::move(initial), std::move(created.seats));
  } else {
    scheduler = MakeBatchScheduler(spec, std::move(created.instances), std::move(created.seats));
  }
  return Serve(std::move(spec), std::move(opened.backend), std::move(scheduler), surroundings);
}

Result<MadeInstances> MakeInstances(const ServedModel& model, const ModelSpec& spec,
                                    const std::vector<std::size_t>& ordinals, OpenedModel opened, RateLimiter* limiter,
                                    const WarmUpLog& log) {
  const std::vector<InstancePlacement> all = PlaceInstances(spec, AvailableCores());
  RETURN_IF_ERROR(CheckPlacements(spec, all));
  std::vector<InstancePlacement> placements;
  for (const std::size_t ordinal : ordinals) {
    if (ordinal >= all.size()) {
      return InvalidArgument("model '" + spec.name + "' has no instance " + std::to_string(ordinal));
    }
    placements.push_back(all[ordinal]);
    if (opened.backend != nullptr) {
      placements.back().ordinal = static_cast<std::int32_t>(placements.size()) - 1;
    }
  }
  if (opened.backend != nullptr) {
    RETURN_IF_ERROR(opened.backend->Configure(spec));
  }
  BackendModel* const backend = opened.backend != nullptr ? opened.backend.get() : model.backend().get();
  return CreateInstances(spec, backend, placements, IsLimited(model.spec()) ? limiter : nullptr, log);
}

}  // namespace triton_lite
