// What running a model needs to know of its tensors, worked out once when the model is configured.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "backends/backend.h"
#include "backends/ort_abi.h"
#include "core/model_spec.h"

namespace triton_lite::ort {

struct InputPlan {
  std::string name;
  DataType datatype = DataType::kInvalid;
  ElementType element = ElementType::kUndefined;
  std::size_t element_byte_size = 0;  // 0 for BYTES.
  bool scalar = false;                // No dimensions in the file, whatever the configuration's.
  bool ragged = false;                // The requests' elements lie behind each other in one dimension.
};

// An input of the file that tells what the batch is made of.
struct BatchInputPlan {
  BatchInputSpec spec;
  ElementType element = ElementType::kUndefined;
  std::size_t element_byte_size = 0;
};

struct OutputPlan {
  std::string name;
  DataType datatype = DataType::kInvalid;
  ElementType element = ElementType::kUndefined;
  std::size_t element_byte_size = 0;
  Shape model_dims;          // As in the file, batch dimension included.
  bool size_known = false;   // No variable dimension but the batch dimension.
  TensorSpec configuration;  // Its dims and reshape.
  std::string scattered_by;  // The input whose shape says what part of the output a request gets; "": its batch size.
  std::int32_t state = -1;   // Kept for the sequence's next request: its number among the configuration's states.
  bool in_place = false;     // A new state is written over the one before.
};

struct Plan {
  bool batches = false;           // max_batch_size > 0: the first dimension counts elements of the batch.
  std::vector<InputPlan> inputs;  // In the order of the configuration; then a sequence model's controls and states.
  std::vector<BatchInputPlan> batch_inputs;
  std::vector<OutputPlan> outputs;  // In the order in which Triton answers them: by name.
};

// `spec` fits `signature` (CheckSignature).
Plan MakePlan(const ModelSpec& spec, const ModelSignature& signature);

}  // namespace triton_lite::ort
