#include "schedule/ensemble_graph.h"

#include <algorithm>

namespace triton_lite {
namespace {

bool AnyOutput(const EnsembleStep& step, const std::vector<bool>& tensors) {
  return std::any_of(step.outputs.begin(), step.outputs.end(),
                     [&](const auto& output) { return tensors[output.second]; });
}

}  // namespace

EnsembleGraph::EnsembleGraph(const ModelSpec& spec)
    : name_(spec.name), decoupled_(spec.decoupled), batches_(spec.max_batch_size > 0) {
  for (const TensorSpec& input : spec.inputs) {
    inputs_.emplace_back(input.name, Intern(input.name));
  }
  for (const TensorSpec& output : spec.outputs) {
    outputs_.push_back({output.name, Intern(output.name), output.reshape.value_or(output.dims), output});
  }
  for (const EnsembleStepSpec& step_spec : std::get<EnsembleSpec>(spec.scheduler).steps) {
    EnsembleStep step{step_spec.model_name, step_spec.model_version, {}, {}, {}};
    for (const auto& [input, tensor] : step_spec.input_map) {
      const TensorIndex index = Intern(tensor);
      step.inputs.emplace_back(input, index);
      if (std::find(step.taken.begin(), step.taken.end(), index) == step.taken.end()) {
        step.taken.push_back(index);
        consumers_[index].push_back(steps_.size());
      }
    }
    for (const auto& [output, tensor] : step_spec.output_map) {
      step.outputs.emplace_back(output, Intern(tensor));
    }
    steps_.push_back(std::move(step));
  }
  std::vector<RequestedOutput> all;
  for (const EnsembleOutput& output : outputs_) {
    all.push_back({output.name, 0, {}});
  }
  full_plan_ = std::make_shared<const EnsemblePlan>(MakePlan(all));
}

TensorIndex EnsembleGraph::Intern(const std::string& tensor) {
  const auto [it, added] = index_.emplace(tensor, consumers_.size());
  if (added) {
    consumers_.emplace_back();
  }
  return it->second;
}

std::shared_ptr<const EnsemblePlan> EnsembleGraph::Plan(std::span<const RequestedOutput> requested) const {
  const bool full = std::equal(requested.begin(), requested.end(), outputs_.begin(), outputs_.end(),
                               [](const auto& asked, const auto& output) { return asked.name == output.name; });
  return full ? full_plan_ : std::make_shared<const EnsemblePlan>(MakePlan(requested));
}

EnsemblePlan EnsembleGraph::MakePlan(std::span<const RequestedOutput> requested) const {
  EnsemblePlan plan;
  plan.runs.assign(steps_.size(), false);
  plan.answers.assign(steps_.size(), false);
  plan.needed.assign(tensor_count(), false);
  plan.uses.assign(tensor_count(), 0);
  for (const RequestedOutput& output : requested) {
    const auto it =
        std::find_if(outputs_.begin(), outputs_.end(), [&](const auto& o) { return o.name == output.name; });
    if (it != outputs_.end() && plan.uses[it->tensor] == 0) {
      plan.requested.push_back(static_cast<std::size_t>(it - outputs_.begin()));
      plan.uses[it->tensor] = 1;
      plan.needed[it->tensor] = true;
    }
  }
  for (StepIndex i = 0; i < steps_.size(); ++i) {
    plan.answers[i] = AnyOutput(steps_[i], plan.needed);
  }
  MarkDeadEnds(&plan);
  MarkBackwards(&plan);
  for (TensorIndex tensor = 0; tensor < tensor_count(); ++tensor) {
    for (const StepIndex step : consumers_[tensor]) {
      plan.uses[tensor] += plan.runs[step] ? 1 : 0;
    }
  }
  return plan;
}

// A tensor that leads nowhere keeps its step: whoever configured it wants the step to run.
void EnsembleGraph::MarkDeadEnds(EnsemblePlan* plan) const {
  for (TensorIndex tensor = 0; tensor < tensor_count(); ++tensor) {
    const bool is_output =
        std::any_of(outputs_.begin(), outputs_.end(), [&](const auto& output) { return output.tensor == tensor; });
    plan->needed[tensor] = plan->needed[tensor] || (consumers_[tensor].empty() && !is_output);
  }
}

// From what is needed to the steps that make it, until nothing new is needed.
void EnsembleGraph::MarkBackwards(EnsemblePlan* plan) const {
  for (bool changed = true; changed;) {
    changed = false;
    for (StepIndex i = steps_.size(); i-- > 0;) {
      if (plan->runs[i] || !AnyOutput(steps_[i], plan->needed)) {
        continue;
      }
      plan->runs[i] = changed = true;
      for (const TensorIndex tensor : steps_[i].taken) {
        plan->needed[tensor] = true;
      }
    }
  }
}

}  // namespace triton_lite
