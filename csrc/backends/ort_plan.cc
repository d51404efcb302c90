#include "backends/ort_plan.h"

#include <algorithm>

#include "backends/ort_types.h"

namespace triton_lite::ort {
namespace {

const Shape* FindDims(const std::vector<SignatureTensor>& tensors, const std::string& name) {
  const auto it = std::find_if(tensors.begin(), tensors.end(), [&](const auto& tensor) { return tensor.name == name; });
  return it == tensors.end() ? nullptr : &it->dims;
}

InputPlan PlanInput(const TensorSpec& spec, const ModelSignature& signature) {
  const Shape* const dims = FindDims(signature.inputs, spec.name);
  return {spec.name,
          spec.datatype,
          ToElementType(spec.datatype),
          ElementByteSize(spec.datatype),
          dims != nullptr && dims->empty(),
          spec.allow_ragged_batch};
}

OutputPlan PlanOutput(const TensorSpec& spec, const ModelSignature& signature, bool batches) {
  OutputPlan plan;
  plan.name = spec.name;
  plan.datatype = spec.datatype;
  plan.element = ToElementType(spec.datatype);
  plan.element_byte_size = ElementByteSize(spec.datatype);
  if (const Shape* const dims = FindDims(signature.outputs, spec.name)) {
    plan.model_dims = *dims;
    const Shape fixed = plan.model_dims.Without(batches ? 1 : 0);
    plan.size_known = plan.element_byte_size > 0 && !plan.model_dims.empty() &&
                      std::all_of(fixed.begin(), fixed.end(), [](std::int64_t dim) { return dim >= 0; });
  }
  plan.configuration = spec;
  return plan;
}

void AddBatchTensors(const ModelSpec& spec, Plan* plan) {
  for (const BatchInputSpec& input : spec.batch_input) {
    plan->batch_inputs.push_back({input, ToElementType(input.datatype), ElementByteSize(input.datatype)});
  }
  for (const BatchOutputSpec& scattered : spec.batch_output) {
    for (OutputPlan& output : plan->outputs) {
      const auto& names = scattered.target_names;
      if (std::find(names.begin(), names.end(), output.name) != names.end()) {
        output.scattered_by = scattered.source_inputs.front();
        output.size_known = false;
      }
    }
  }
}

// Inputs of the file that come from a scheduler, not from a client.
void AddControls(const ModelSpec& spec, const ModelSignature& signature, Plan* plan) {
  for (const SignatureTensor& tensor : signature.inputs) {
    if (spec.FindInput(tensor.name) == nullptr) {
      TensorSpec control;
      control.name = tensor.name;
      control.datatype = tensor.datatype;
      plan->inputs.push_back(PlanInput(control, signature));
    }
  }
}

// States that clients are not answered are fetched like other outputs.
void AddStates(const SequenceBatchingSpec& batching, const ModelSignature& signature, Plan* plan) {
  for (std::size_t i = 0; i < batching.state.size(); ++i) {
    const SequenceStateSpec& state = batching.state[i];
    auto output = std::find_if(plan->outputs.begin(), plan->outputs.end(),
                               [&](const OutputPlan& each) { return each.name == state.output_name; });
    if (output == plan->outputs.end()) {
      TensorSpec spec;
      spec.name = state.output_name;
      spec.datatype = state.datatype;
      spec.dims = state.dims;
      plan->outputs.push_back(PlanOutput(spec, signature, plan->batches));
      output = plan->outputs.end() - 1;
    }
    output->state = static_cast<std::int32_t>(i);
    output->in_place = state.use_same_buffer_for_input_output;
  }
}

}  // namespace

Plan MakePlan(const ModelSpec& spec, const ModelSignature& signature) {
  Plan plan;
  plan.batches = spec.max_batch_size > 0;
  for (const TensorSpec& input : spec.inputs) {
    plan.inputs.push_back(PlanInput(input, signature));
  }
  const auto* const sequences = std::get_if<SequenceBatchingSpec>(&spec.scheduler);
  if (sequences != nullptr) {
    AddControls(spec, signature, &plan);
  }
  for (const TensorSpec& output : spec.outputs) {
    plan.outputs.push_back(PlanOutput(output, signature, plan.batches));
  }
  AddBatchTensors(spec, &plan);
  if (sequences != nullptr) {
    AddStates(*sequences, signature, &plan);
  }
  std::sort(plan.outputs.begin(), plan.outputs.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return plan;
}

}  // namespace triton_lite::ort
