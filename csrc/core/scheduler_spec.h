// What the data plane needs to know of a model's scheduling choice, its batch inputs and outputs and its rate limiter.
// Field names are those of protos/model_config.proto; numbers of enumerations, too.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "core/datatype.h"
#include "core/shape.h"

namespace triton_lite {

enum class TimeoutAction : std::uint8_t { kReject = 0, kDelay = 1 };

// Of one priority level.
struct QueuePolicySpec {
  TimeoutAction timeout_action = TimeoutAction::kReject;
  std::uint64_t default_timeout_microseconds = 0;  // 0: none.
  bool allow_timeout_override = false;
  std::uint32_t max_queue_size = 0;  // 0: no limit.
};

struct DynamicBatchingSpec {
  std::vector<std::int32_t> preferred_batch_size;
  std::uint64_t max_queue_delay_microseconds = 0;
  bool preserve_ordering = false;
  std::uint64_t priority_levels = 0;  // 1 is the highest; 0: priorities are not used.
  std::uint64_t default_priority_level = 0;
  QueuePolicySpec default_queue_policy;
  std::map<std::uint64_t, QueuePolicySpec> priority_queue_policy;  // Levels without one have the default.
};

enum class SequenceControlKind : std::uint8_t { kStart = 0, kReady = 1, kEnd = 2, kCorrelationId = 3 };

// One control of one of the model's inputs.
struct SequenceControlSpec {
  std::string input_name;
  SequenceControlKind kind = SequenceControlKind::kStart;
  // kStart, kReady, kEnd: two values of one of the types, or the others are empty.
  std::vector<std::int32_t> int32_false_true;
  std::vector<float> fp32_false_true;
  std::vector<bool> bool_false_true;
  DataType datatype = DataType::kInvalid;  // kCorrelationId.
};

struct InitialStateSpec {
  std::string name;
  DataType datatype = DataType::kInvalid;
  Shape dims;
  bool zero_data = false;
  std::string data_file;  // Relative to MODEL/initial_state; empty with zero_data.
};

struct SequenceStateSpec {
  std::string input_name;
  std::string output_name;
  DataType datatype = DataType::kInvalid;
  Shape dims;
  std::vector<InitialStateSpec> initial_state;  // At most one.
  bool use_same_buffer_for_input_output = false;
  bool use_growable_memory = false;
};

struct DirectStrategySpec {
  std::uint64_t max_queue_delay_microseconds = 0;
  float minimum_slot_utilization = 0;
};

struct OldestStrategySpec {
  std::int32_t max_candidate_sequences = 0;
  std::vector<std::int32_t> preferred_batch_size;
  std::uint64_t max_queue_delay_microseconds = 0;
  bool preserve_ordering = false;
};

struct SequenceBatchingSpec {
  std::uint64_t max_sequence_idle_microseconds = 0;
  std::variant<DirectStrategySpec, OldestStrategySpec> strategy;
  std::vector<SequenceControlSpec> control_input;
  std::vector<SequenceStateSpec> state;
  bool iterative_sequence = false;
};

struct EnsembleStepSpec {
  std::string model_name;
  std::int64_t model_version = -1;                              // -1: the latest.
  std::vector<std::pair<std::string, std::string>> input_map;   // Step's input -> ensemble tensor.
  std::vector<std::pair<std::string, std::string>> output_map;  // Step's output -> ensemble tensor.
};

struct EnsembleSpec {
  std::vector<EnsembleStepSpec> steps;
  std::uint32_t max_inflight_requests = 0;  // 0: no limit.
};

struct DefaultSchedulerSpec {};

using SchedulerSpec = std::variant<DefaultSchedulerSpec, DynamicBatchingSpec, SequenceBatchingSpec, EnsembleSpec>;

enum class BatchInputKind : std::uint8_t {
  kElementCount = 0,
  kAccumulatedElementCount = 1,
  kAccumulatedElementCountWithZero = 2,
  kMaxElementCountAsShape = 3,
  kItemShape = 4,
  kItemShapeFlatten = 5,
};

// An input that the backend fills from what the batch is made of.
struct BatchInputSpec {
  BatchInputKind kind = BatchInputKind::kElementCount;
  std::vector<std::string> target_names;
  DataType datatype = DataType::kInvalid;
  std::vector<std::string> source_inputs;
};

// Outputs that are divided among the requests by the shape of `source_inputs` (BATCH_SCATTER_WITH_INPUT_SHAPE).
struct BatchOutputSpec {
  std::vector<std::string> target_names;
  std::vector<std::string> source_inputs;
};

struct RateLimiterResourceSpec {
  std::string name;
  bool global = false;  // Shared by all devices instead of one for each.
  std::uint32_t count = 0;
};

// Of an instance group.
struct RateLimiterSpec {
  std::vector<RateLimiterResourceSpec> resources;
  std::uint32_t priority = 0;  // Weight against other instances: priority 2 gets half of the turns of priority 1.
};

}  // namespace triton_lite
