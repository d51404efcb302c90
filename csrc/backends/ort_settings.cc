#include "backends/ort_settings.h"

#include "backends/config_value.h"

namespace triton_lite::ort {
namespace {

constexpr const char kArenaShrinkage[] = "memory.enable_memory_arena_shrinkage";

// ModelConfig.optimization.graph.level to ONNX Runtime's levels, as upstream maps them.
OptimizationLevel MapLevel(std::int32_t level) {
  switch (level) {
    case -1:
      return OptimizationLevel::kBasic;
    case 1:
      return OptimizationLevel::kExtended;
    case 2:
      return OptimizationLevel::kNone;
    default:
      return OptimizationLevel::kAll;
  }
}

Result<std::optional<bool>> FindOptionalBool(const ConfigValues& values, const std::string& name) {
  const auto it = values.find(name);
  if (it == values.end()) {
    return std::optional<bool>();
  }
  ASSIGN_OR_RETURN(const bool value, ParseBoolValue(it->second));
  return std::optional<bool>(value);
}

Status ReadThreads(const ModelSpec& spec, Settings* settings) {
  ASSIGN_OR_RETURN(const int mode, FindInt(spec.parameters, "execution_mode", 0));
  if (mode != 0 && mode != 1) {
    return InvalidArgument(
        "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got " +
        std::to_string(mode) + " .");
  }
  settings->execution_mode = mode == 0 ? ExecutionMode::kSequential : ExecutionMode::kParallel;
  ASSIGN_OR_RETURN(const int default_intra, FindInt(spec.backend_config, "intra_op_thread_count", 0));
  ASSIGN_OR_RETURN(const int default_inter, FindInt(spec.backend_config, "inter_op_thread_count", 0));
  ASSIGN_OR_RETURN(settings->intra_op_threads, FindInt(spec.parameters, "intra_op_thread_count", default_intra));
  ASSIGN_OR_RETURN(settings->inter_op_threads, FindInt(spec.parameters, "inter_op_thread_count", default_inter));
  return {};
}

Status ReadMemory(const ModelSpec& spec, Settings* settings) {
  ASSIGN_OR_RETURN(settings->memory_arena, FindOptionalBool(spec.parameters, "enable_mem_arena"));
  ASSIGN_OR_RETURN(settings->memory_pattern, FindOptionalBool(spec.parameters, "enable_mem_pattern"));
  if (const auto it = spec.parameters.find(kArenaShrinkage); it != spec.parameters.end()) {
    settings->run_entries.emplace_back(it->first, it->second);
  }
  return {};
}

}  // namespace

Result<Settings> ReadSettings(const ModelSpec& spec) {
  Settings settings;
  settings.optimization_level = MapLevel(spec.graph_optimization_level);
  RETURN_IF_ERROR(ReadThreads(spec, &settings));
  RETURN_IF_ERROR(ReadMemory(spec, &settings));
  for (const auto& [name, value] : spec.parameters) {
    if (name.rfind("session.", 0) == 0) {
      settings.session_entries.emplace_back(name, value);
    }
  }
  ASSIGN_OR_RETURN(settings.share_session, FindOptionalBool(spec.parameters, "share_session_between_instances"));
  ASSIGN_OR_RETURN(settings.providers, ReadProviderOptions(spec));
  return settings;
}

}  // namespace triton_lite::ort
