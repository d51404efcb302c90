#include "engine/model_loader.h"

#include <string>
#include <utility>
#include <variant>

#include "core/low_priority.h"
#include "engine/cpu_budget.h"
#include "engine/initial_states.h"
#include "engine/warm_up_sample.h"

namespace triton_lite {
namespace {

// One instance after the other is made and warmed up, as in Triton, which decides what error is told.
Result<Instances> CreateInstances(const ModelSpec& spec, BackendModel* backend, const WarmUpLog& log) {
  Instances instances;
  std::vector<WarmUpSample> samples;
  for (const InstancePlacement& placement : PlaceInstances(spec, AvailableCores())) {
    ASSIGN_OR_RETURN(std::unique_ptr<BackendInstance> instance, backend->CreateInstance(placement));
    if (instances.empty()) {
      ASSIGN_OR_RETURN(samples, MakeWarmUpSamples(spec));
    }
    if (!samples.empty()) {
      Status status;
      RunAtLowPriority([&] { status = WarmUp(spec, samples, placement, instance.get(), log); });
      RETURN_IF_ERROR(status);
    }
    instances.push_back(std::move(instance));
  }
  if (instances.empty()) {
    return InvalidArgument("model '" + spec.name +
                           "' has no instance that serves: expected an instance_group that is not passive with a "
                           "count of at least 1");
  }
  return instances;
}

std::unique_ptr<const ServedModel> Serve(ModelSpec spec, std::unique_ptr<BackendModel> backend,
                                         std::unique_ptr<Scheduler> scheduler) {
  return std::make_unique<const ServedModel>(std::move(spec), std::move(backend), std::move(scheduler));
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
        placements.push_back(
            {name + "_" + std::to_string(c), group.kind, device, static_cast<std::int32_t>(placements.size()), 1});
      }
    }
  }
  const std::int32_t share = CoresPerInstance(cores, static_cast<std::int32_t>(placements.size()));
  for (InstancePlacement& placement : placements) {
    placement.threads = share;
  }
  return placements;
}

Result<std::unique_ptr<const ServedModel>> LoadModel(ModelSpec spec, OpenedModel opened, ModelRouter* router,
                                                     ExecutionObserver* observer, const WarmUpLog& log) {
  if (std::holds_alternative<EnsembleSpec>(spec.scheduler)) {
    auto scheduler = MakeEnsembleScheduler(spec, router);
    return Serve(std::move(spec), nullptr, std::move(scheduler));
  }
  if (opened.backend == nullptr) {
    ASSIGN_OR_RETURN(opened, OpenModel(spec));
  }
  RETURN_IF_ERROR(opened.backend->Configure(spec));
  ASSIGN_OR_RETURN(Instances instances, CreateInstances(spec, opened.backend.get(), log));
  spec.model_warmup.clear();
  std::unique_ptr<Scheduler> scheduler;
  if (std::holds_alternative<SequenceBatchingSpec>(spec.scheduler)) {
    ASSIGN_OR_RETURN(SequenceStates initial, MakeInitialStates(spec));
    scheduler = MakeSequenceScheduler(spec, std::move(instances), std::move(initial), observer);
  } else {
    scheduler = MakeBatchScheduler(spec, std::move(instances), observer);
  }
  return Serve(std::move(spec), std::move(opened.backend), std::move(scheduler));
}

}  // namespace triton_lite
