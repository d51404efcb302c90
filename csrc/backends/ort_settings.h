// What a model's configuration asks of ONNX Runtime, read and checked before a session is made. Names and accepted
// values are those of Triton's ONNX Runtime backend; docs/backends.md lists them.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "backends/ort_abi.h"
#include "backends/ort_provider_options.h"
#include "core/model_spec.h"
#include "core/status.h"

namespace triton_lite::ort {

struct Settings {
  OptimizationLevel optimization_level = OptimizationLevel::kAll;
  ExecutionMode execution_mode = ExecutionMode::kSequential;
  int intra_op_threads = 0;  // 0: by the cores of the instance.
  int inter_op_threads = 0;
  std::optional<bool> memory_arena;
  std::optional<bool> memory_pattern;
  Entries session_entries;            // session.…, for the session's options.
  Entries run_entries;                // memory.…, for each run's options.
  std::optional<bool> share_session;  // share_session_between_instances
  ProviderOptions providers;
};

Result<Settings> ReadSettings(const ModelSpec& spec);

}  // namespace triton_lite::ort
