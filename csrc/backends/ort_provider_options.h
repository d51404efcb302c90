// The options of execution providers from `optimization.execution_accelerators` and `parameters`.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/model_spec.h"
#include "core/status.h"

namespace triton_lite::ort {

using Entries = std::vector<std::pair<std::string, std::string>>;

struct ProviderOptions {
  std::optional<Entries> tensorrt;  // When the accelerator is asked for.
  Entries cuda;                     // Of every GPU instance.
};

// INVALID_ARGUMENT, with Triton's texts, for an unknown accelerator, an unknown parameter or a bad value.
Result<ProviderOptions> ReadProviderOptions(const ModelSpec& spec);

}  // namespace triton_lite::ort
