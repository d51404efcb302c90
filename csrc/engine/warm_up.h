// Runs a model's warm-up samples on one instance, before anything else runs there.
#pragma once

#include <functional>
#include <span>
#include <string>

#include "backends/backend.h"
#include "core/model_spec.h"
#include "core/status.h"
#include "engine/warm_up_sample.h"

namespace triton_lite {

// Takes a line for a verbose log. May be empty.
using WarmUpLog = std::function<void(const std::string& line)>;

// Past queues and the recorder, so that nobody counts these requests. Answers are dropped. The first sample that fails
// ends it: INVALID_ARGUMENT with what each of its requests was answered.
Status WarmUp(const ModelSpec& spec, std::span<const WarmUpSample> samples, const InstancePlacement& placement,
              BackendInstance* instance, const WarmUpLog& log);

}  // namespace triton_lite
