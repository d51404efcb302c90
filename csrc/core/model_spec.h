// What the data plane needs to know of one version of a model: a plain value that the control plane fills
// from the validated, completed ModelConfig. Field names are those of protos/model_config.proto.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/datatype.h"
#include "core/scheduler_spec.h"
#include "core/shape.h"

namespace triton_lite {

struct TensorSpec {
  std::string name;
  DataType datatype = DataType::kInvalid;
  Shape dims;                    // As in the configuration: no batch dimension, -1 for a variable one.
  std::optional<Shape> reshape;  // Shape that the backend sees instead of dims.
  bool optional = false;         // Inputs only.
  bool is_shape_tensor = false;
  bool is_non_linear_format_io = false;
  bool allow_ragged_batch = false;  // Inputs only.
  std::vector<std::string> labels;  // Outputs only: classification labels, by index.
};

enum class InstanceKind : std::uint8_t { kAuto = 0, kGpu = 1, kCpu = 2, kModel = 3 };

struct InstanceGroupSpec {
  std::string name;
  InstanceKind kind = InstanceKind::kCpu;  // kAuto is resolved before the data plane sees it.
  std::int32_t count = 1;                  // Instances for each of gpus, or in all when gpus is empty.
  std::vector<std::int32_t> gpus;
  bool passive = false;
  RateLimiterSpec rate_limiter;
};

struct ExecutionAcceleratorSpec {
  std::string name;  // "cuda", "tensorrt", …
  std::map<std::string, std::string> parameters;
};

// Where the elements of a warm-up input come from.
enum class WarmupData : std::uint8_t { kUnset = 0, kZero = 1, kRandom = 2, kFile = 3 };

struct WarmupInputSpec {
  std::string name;
  DataType datatype = DataType::kInvalid;
  Shape dims;  // No batch dimension.
  WarmupData data = WarmupData::kUnset;
  std::string input_data_file;  // kFile: relative to MODEL/warmup.
};

// One sample that every instance runs before the model is ready: `batch_size` requests at once, `count` times.
struct WarmupSpec {
  std::string name;
  std::uint32_t batch_size = 0;  // 0: the sample is left out.
  std::vector<WarmupInputSpec> inputs;
  std::uint32_t count = 0;  // 0 is 1.
};

struct ModelSpec {
  std::string name;
  std::int64_t version = 1;
  std::string platform;             // "onnxruntime_onnx", "ensemble", … as shown in the metadata.
  std::string backend;              // "onnxruntime", "identity"; empty for an ensemble.
  std::string version_directory;    // Absolute path of MODEL/VERSION.
  std::string model_file;           // Absolute path of the model's file or folder inside it.
  std::int32_t max_batch_size = 0;  // 0: the model does not batch.
  bool decoupled = false;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  std::vector<InstanceGroupSpec> instance_groups;
  SchedulerSpec scheduler;
  std::vector<BatchInputSpec> batch_input;
  std::vector<BatchOutputSpec> batch_output;
  bool response_cache = false;                        // ModelConfig.response_cache.enable.
  std::map<std::string, std::string> parameters;      // ModelConfig.parameters, string values.
  std::map<std::string, std::string> backend_config;  // --backend-config settings of this backend.
  std::int32_t graph_optimization_level = 0;          // ModelConfig.optimization.graph.level.
  bool eager_batching = false;                        // ModelConfig.optimization.eager_batching.
  std::vector<ExecutionAcceleratorSpec> gpu_execution_accelerators;
  std::vector<ExecutionAcceleratorSpec> cpu_execution_accelerators;
  std::vector<WarmupSpec> model_warmup;

  const TensorSpec* FindInput(std::string_view tensor) const { return Find(inputs, tensor); }
  const TensorSpec* FindOutput(std::string_view tensor) const { return Find(outputs, tensor); }

 private:
  static const TensorSpec* Find(const std::vector<TensorSpec>& specs, std::string_view name) {
    for (const TensorSpec& spec : specs) {
      if (spec.name == name) {
        return &spec;
      }
    }
    return nullptr;
  }
};

}  // namespace triton_lite
