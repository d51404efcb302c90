#include "backends/ort_settings.h"

#include "check.h"

using namespace triton_lite;
using namespace triton_lite::ort;

namespace {

ModelSpec Model(std::map<std::string, std::string> parameters) {
  ModelSpec spec;
  spec.name = std::string("m");
  spec.parameters = std::move(parameters);
  return spec;
}

std::string Refusal(const ModelSpec& spec) { return ReadSettings(spec).status().message(); }

std::string RefusalOfTensorRt(const std::string& name, const std::string& value) {
  ModelSpec spec = Model({});
  spec.gpu_execution_accelerators = {{"tensorrt", {{name, value}}}};
  return Refusal(spec);
}

bool Has(const Entries& entries, const std::string& name, const std::string& value) {
  for (const auto& entry : entries) {
    if (entry.first == name) {
      return entry.second == value;
    }
  }
  return false;
}

}  // namespace

TEST(DefaultsAreUpstreams) {
  const auto settings = ReadSettings(Model({}));
  REQUIRE(settings.ok());
  CHECK_EQ(settings->optimization_level, OptimizationLevel::kAll);
  CHECK_EQ(settings->execution_mode, ExecutionMode::kSequential);
  CHECK_EQ(settings->intra_op_threads, 0);
  CHECK(!settings->memory_arena && !settings->memory_pattern && !settings->share_session &&
        !settings->providers.tensorrt);
}

TEST(MapsGraphLevels) {
  const std::pair<int, OptimizationLevel> levels[] = {{-1, OptimizationLevel::kBasic},
                                                      {0, OptimizationLevel::kAll},
                                                      {1, OptimizationLevel::kExtended},
                                                      {2, OptimizationLevel::kNone}};
  for (const auto& [level, expected] : levels) {
    ModelSpec spec = Model({});
    spec.graph_optimization_level = level;
    CHECK_EQ(ReadSettings(spec)->optimization_level, expected);
  }
}

TEST(ReadsParameters) {
  const auto settings = ReadSettings(Model({{"intra_op_thread_count", "3"},
                                            {"inter_op_thread_count", "2"},
                                            {"execution_mode", "1"},
                                            {"enable_mem_arena", "0"},
                                            {"enable_mem_pattern", "1"},
                                            {"memory.enable_memory_arena_shrinkage", "cpu:0"},
                                            {"session.use_device_allocator_for_initializers", "1"},
                                            {"share_session_between_instances", "true"},
                                            {"unknown", "kept out"}}));
  REQUIRE(settings.ok());
  CHECK_EQ(settings->intra_op_threads, 3);
  CHECK_EQ(settings->inter_op_threads, 2);
  CHECK_EQ(settings->execution_mode, ExecutionMode::kParallel);
  CHECK_EQ(settings->memory_arena, std::optional(false));
  CHECK_EQ(settings->memory_pattern, std::optional(true));
  CHECK_EQ(settings->share_session, std::optional(true));
  CHECK(Has(settings->run_entries, "memory.enable_memory_arena_shrinkage", "cpu:0"));
  CHECK(Has(settings->session_entries, "session.use_device_allocator_for_initializers", "1"));
  CHECK_EQ(settings->session_entries.size(), 1u);
}

TEST(ModelsThreadsComeBeforeTheBackends) {
  ModelSpec spec = Model({{"intra_op_thread_count", "3"}});
  spec.backend_config = {{"intra_op_thread_count", "5"}, {"inter_op_thread_count", "6"}};
  const auto settings = ReadSettings(spec);
  REQUIRE(settings.ok());
  CHECK_EQ(settings->intra_op_threads, 3);
  CHECK_EQ(settings->inter_op_threads, 6);
}

TEST(RefusesBadValues) {
  CHECK_EQ(Refusal(Model({{"execution_mode", "2"}})),
           "Invalid configuration value provided. Expected values for  execution_mode are 0 or 1 but got 2 .");
  CHECK_EQ(Refusal(Model({{"intra_op_thread_count", "many"}})), "failed to convert 'many' to integral number");
  CHECK_EQ(Refusal(Model({{"enable_mem_arena", "maybe"}})), "failed to convert 'maybe' to boolean");
  CHECK_EQ(Refusal(Model({{"cudnn_conv_algo_search", "3"}})),
           "unsupported cudnn_conv_algo_search value '3' is requested");
  CHECK_EQ(Refusal(Model({{"arena_extend_strategy", "2"}})),
           "unsupported arena_extend_strategy value '2' is requested");
}

TEST(ReadsAccelerators) {
  ModelSpec spec = Model({{"arena_extend_strategy", "1"}, {"gpu_mem_limit", "1000"}});
  spec.gpu_execution_accelerators = {
      {"tensorrt",
       {{"precision_mode", "FP16"}, {"max_workspace_size_bytes", "1073741824"}, {"trt_dla_enable", "false"}}},
      {"cuda", {{"cudnn_conv_use_max_workspace", "0"}, {"use_ep_level_unified_stream", "1"}}}};
  const auto settings = ReadSettings(spec);
  REQUIRE(settings.ok());
  REQUIRE(settings->providers.tensorrt.has_value());
  CHECK(Has(*settings->providers.tensorrt, "trt_fp16_enable", "1"));
  CHECK(Has(*settings->providers.tensorrt, "trt_max_workspace_size", "1073741824"));
  CHECK(Has(*settings->providers.tensorrt, "trt_dla_enable", "false"));
  CHECK(Has(settings->providers.cuda, "cudnn_conv_use_max_workspace", "0"));
  CHECK(Has(settings->providers.cuda, "arena_extend_strategy", "kSameAsRequested"));
  CHECK(Has(settings->providers.cuda, "gpu_mem_limit", "1000"));
}

TEST(RefusesUnknownAccelerators) {
  ModelSpec gpu = Model({});
  gpu.gpu_execution_accelerators = {{"warp", {}}};
  CHECK_EQ(Refusal(gpu), "unknown Execution Accelerator 'warp' is requested");
  ModelSpec cpu = Model({});
  cpu.cpu_execution_accelerators = {{"openvino", {}}};
  CHECK_EQ(Refusal(cpu), "unknown Execution Accelerator 'openvino' is requested");
}

TEST(RefusesBadTensorRtParameters) {
  CHECK_EQ(RefusalOfTensorRt("precision_mode", "FP8"), "unsupported precision mode 'FP8' is requested");
  CHECK_EQ(RefusalOfTensorRt("speed", "fast"),
           "unknown parameter 'speed' is provided for TensorRT Execution Accelerator");
  CHECK_EQ(RefusalOfTensorRt("trt_dla_core", "x"), "failed to convert 'x' to integral number");
  CHECK_EQ(RefusalOfTensorRt("trt_cuda_graph_enable", "2"), "failed to convert '2' to boolean");
  CHECK_EQ(RefusalOfTensorRt("max_workspace_size_bytes", "x"),
           "failed to convert 'x' to unsigned long long integral number");
}

TEST_MAIN()
