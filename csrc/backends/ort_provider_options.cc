#include "backends/ort_provider_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <string_view>

#include "backends/config_value.h"

namespace triton_lite::ort {
namespace {

enum class ValueKind { kText, kBool, kInt, kUnsigned };

struct TensorRtParameter {
  std::string_view name;
  std::string_view option;
  ValueKind kind;
};

// Parameters of the TensorRT accelerator and the provider's names for them.
constexpr std::array kTensorRtParameters{
    TensorRtParameter{"max_workspace_size_bytes", "trt_max_workspace_size", ValueKind::kUnsigned},
    TensorRtParameter{"trt_max_partition_iterations", "trt_max_partition_iterations", ValueKind::kInt},
    TensorRtParameter{"trt_min_subgraph_size", "trt_min_subgraph_size", ValueKind::kInt},
    TensorRtParameter{"int8_calibration_table_name", "trt_int8_calibration_table_name", ValueKind::kText},
    TensorRtParameter{"int8_use_native_calibration_table", "trt_int8_use_native_calibration_table", ValueKind::kBool},
    TensorRtParameter{"trt_dla_enable", "trt_dla_enable", ValueKind::kBool},
    TensorRtParameter{"trt_dla_core", "trt_dla_core", ValueKind::kInt},
    TensorRtParameter{"trt_engine_cache_enable", "trt_engine_cache_enable", ValueKind::kBool},
    TensorRtParameter{"trt_engine_cache_path", "trt_engine_cache_path", ValueKind::kText},
    TensorRtParameter{"trt_engine_cache_prefix", "trt_engine_cache_prefix", ValueKind::kText},
    TensorRtParameter{"trt_dump_subgraphs", "trt_dump_subgraphs", ValueKind::kBool},
    TensorRtParameter{"trt_force_sequential_engine_build", "trt_force_sequential_engine_build", ValueKind::kBool},
    TensorRtParameter{"trt_context_memory_sharing_enable", "trt_context_memory_sharing_enable", ValueKind::kBool},
    TensorRtParameter{"trt_layer_norm_fp32_fallback", "trt_layer_norm_fp32_fallback", ValueKind::kBool},
    TensorRtParameter{"trt_timing_cache_enable", "trt_timing_cache_enable", ValueKind::kBool},
    TensorRtParameter{"trt_timing_cache_path", "trt_timing_cache_path", ValueKind::kText},
    TensorRtParameter{"trt_force_timing_cache", "trt_force_timing_cache", ValueKind::kBool},
    TensorRtParameter{"trt_detailed_build_log", "trt_detailed_build_log", ValueKind::kBool},
    TensorRtParameter{"trt_build_heuristics_enable", "trt_build_heuristics_enable", ValueKind::kBool},
    TensorRtParameter{"trt_sparsity_enable", "trt_sparsity_enable", ValueKind::kBool},
    TensorRtParameter{"trt_builder_optimization_level", "trt_builder_optimization_level", ValueKind::kInt},
    TensorRtParameter{"trt_auxiliary_streams", "trt_auxiliary_streams", ValueKind::kInt},
    TensorRtParameter{"trt_tactic_sources", "trt_tactic_sources", ValueKind::kText},
    TensorRtParameter{"trt_extra_plugin_lib_paths", "trt_extra_plugin_lib_paths", ValueKind::kText},
    TensorRtParameter{"trt_profile_min_shapes", "trt_profile_min_shapes", ValueKind::kText},
    TensorRtParameter{"trt_profile_max_shapes", "trt_profile_max_shapes", ValueKind::kText},
    TensorRtParameter{"trt_profile_opt_shapes", "trt_profile_opt_shapes", ValueKind::kText},
    TensorRtParameter{"trt_cuda_graph_enable", "trt_cuda_graph_enable", ValueKind::kBool},
    TensorRtParameter{"trt_dump_ep_context_model", "trt_dump_ep_context_model", ValueKind::kBool},
    TensorRtParameter{"trt_ep_context_file_path", "trt_ep_context_file_path", ValueKind::kText},
    TensorRtParameter{"trt_ep_context_embed_mode", "trt_ep_context_embed_mode", ValueKind::kInt},
};

// Model parameters that choose among named values of a CUDA option by number; the first is the default.
struct CudaChoice {
  std::string_view name;
  std::array<std::string_view, 3> values;
};
constexpr std::array kCudaChoices{
    CudaChoice{"cudnn_conv_algo_search", {"EXHAUSTIVE", "HEURISTIC", "DEFAULT"}},
    CudaChoice{"arena_extend_strategy", {"kNextPowerOfTwo", "kSameAsRequested", ""}},
};

Status CheckValue(ValueKind kind, const std::string& value) {
  switch (kind) {
    case ValueKind::kText:
      return {};
    case ValueKind::kBool:
      return ParseBoolValue(value).status();
    case ValueKind::kInt:
      return ParseIntValue(value).status();
    case ValueKind::kUnsigned: {
      unsigned long long number = 0;
      const char* const end = value.data() + value.size();
      return std::from_chars(value.data(), end, number).ec == std::errc()
                 ? Status()
                 : InvalidArgument("failed to convert '" + value + "' to unsigned long long integral number");
    }
  }
  return {};
}

void Set(Entries* entries, std::string_view name, std::string_view value) {
  const auto it =
      std::find_if(entries->begin(), entries->end(), [&](const auto& entry) { return entry.first == name; });
  if (it == entries->end()) {
    entries->emplace_back(name, value);
  } else {
    it->second = value;
  }
}

Status AddPrecision(const std::string& value, Entries* options) {
  if (value == "FP16") {
    Set(options, "trt_fp16_enable", "1");
  } else if (value == "BF16") {
    Set(options, "trt_bf16_enable", "1");
  } else if (value == "INT8") {
    Set(options, "trt_int8_enable", "1");
  } else if (value != "FP32") {
    return InvalidArgument("unsupported precision mode '" + value + "' is requested");
  }
  return {};
}

Result<Entries> ReadTensorRt(const ExecutionAcceleratorSpec& accelerator) {
  Entries options;
  for (const auto& [key, value] : accelerator.parameters) {
    const std::string& name = key;  // Clang 14 lets no lambda capture a binding.
    if (name == "precision_mode") {
      RETURN_IF_ERROR(AddPrecision(value, &options));
      continue;
    }
    const auto it = std::find_if(kTensorRtParameters.begin(), kTensorRtParameters.end(),
                                 [&](const TensorRtParameter& parameter) { return parameter.name == name; });
    if (it == kTensorRtParameters.end()) {
      return InvalidArgument("unknown parameter '" + name + "' is provided for TensorRT Execution Accelerator");
    }
    RETURN_IF_ERROR(CheckValue(it->kind, value));
    if (!value.empty()) {
      Set(&options, it->option, value);
    }
  }
  return options;
}

Status ReadCuda(const ExecutionAcceleratorSpec& accelerator, Entries* options) {
  for (const auto& [name, value] : accelerator.parameters) {
    if (name == "do_copy_in_default_stream" || name == "use_ep_level_unified_stream") {
      RETURN_IF_ERROR(ParseBoolValue(value).status());
    }
    if (!name.empty() && !value.empty()) {
      Set(options, name, value);
    }
  }
  return {};
}

Status ReadCudaChoices(const ModelSpec& spec, Entries* options) {
  for (const CudaChoice& choice : kCudaChoices) {
    const auto it = spec.parameters.find(std::string(choice.name));
    if (it == spec.parameters.end()) {
      continue;
    }
    ASSIGN_OR_RETURN(const int number, ParseIntValue(it->second));
    const auto index = static_cast<std::size_t>(number);
    if (number < 0 || index >= choice.values.size() || choice.values[index].empty()) {
      return InvalidArgument("unsupported " + std::string(choice.name) + " value '" + std::to_string(number) +
                             "' is requested");
    }
    Set(options, choice.name, choice.values[index]);
  }
  for (const char* const name : {"gpu_mem_limit", "do_copy_in_default_stream"}) {
    if (const auto it = spec.parameters.find(name); it != spec.parameters.end()) {
      Set(options, name, it->second);
    }
  }
  return {};
}

}  // namespace

Result<ProviderOptions> ReadProviderOptions(const ModelSpec& spec) {
  ProviderOptions options;
  for (const ExecutionAcceleratorSpec& accelerator : spec.gpu_execution_accelerators) {
    if (accelerator.name == "tensorrt") {
      ASSIGN_OR_RETURN(options.tensorrt, ReadTensorRt(accelerator));
    } else if (accelerator.name == "cuda") {
      RETURN_IF_ERROR(ReadCuda(accelerator, &options.cuda));
    } else {
      return InvalidArgument("unknown Execution Accelerator '" + accelerator.name + "' is requested");
    }
  }
  for (const ExecutionAcceleratorSpec& accelerator : spec.cpu_execution_accelerators) {
    return InvalidArgument("unknown Execution Accelerator '" + accelerator.name + "' is requested");
  }
  RETURN_IF_ERROR(ReadCudaChoices(spec, &options.cuda));
  return options;
}

}  // namespace triton_lite::ort
