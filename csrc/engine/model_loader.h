// Makes served models: opens files through their backend, places and creates instances, picks the scheduler.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "backends/backend.h"
#include "cache/local_cache.h"
#include "cache/remote_cache.h"
#include "core/status.h"
#include "engine/served_model.h"
#include "engine/warm_up.h"
#include "metrics/metrics_registry.h"

namespace triton_lite {

// A model's file, opened: what a configuration is completed from.
struct OpenedModel {
  std::unique_ptr<BackendModel> backend;
};

// Blocks as long as the backend reads the file. INVALID_ARGUMENT when there is no such backend.
Result<OpenedModel> OpenModel(const ModelSpec& spec);

// Where the instances of `spec` run: one for each count and GPU, named as Triton names them, each with its share of
// `cores`. Passive groups have none: nothing would ever run them.
std::vector<InstancePlacement> PlaceInstances(const ModelSpec& spec, std::int32_t cores);

// What models share. They keep what is behind a shared_ptr; the rest outlives them.
struct ModelSurroundings {
  ModelRouter* router = nullptr;
  std::shared_ptr<RateLimiter> rate_limiter;  // Null: instances run as soon as they are free.
  std::shared_ptr<LocalCache> local_cache;    // Null: there is none; at most one of the two.
  std::shared_ptr<RemoteCache> remote_cache;
  // Null: there are no metrics. `metrics_spec` of the model, but for whether its answers are kept.
  MetricsRegistry* metrics = nullptr;
  ModelMetricsSpec metrics_spec;
};

// Instances, and their places at the rate limiter where they have some.
struct MadeInstances {
  Instances instances;
  Seats seats;
};

// `spec` is complete and checked. `opened` may come from an incomplete spec of the same file; without a backend in it
// the file is opened anew. Blocks while instances are created and warmed up; `log` is told of the latter.
Result<std::unique_ptr<const ServedModel>> LoadModel(ModelSpec spec, OpenedModel opened,
                                                     const ModelSurroundings& surroundings, const WarmUpLog& log);

// More instances for a model that is served: those that PlaceInstances gives at `ordinals` for `spec`, which differs
// from the model's own in its instance groups alone. They are made of `opened`, which has them in this order, where
// there is one. `limiter` may be null. Blocks as LoadModel does.
Result<MadeInstances> MakeInstances(const ServedModel& model, const ModelSpec& spec,
                                    const std::vector<std::size_t>& ordinals, OpenedModel opened, RateLimiter* limiter,
                                    const WarmUpLog& log);

}  // namespace triton_lite
