// The steps of an ensemble and the tensors between them, by number instead of by name.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"

namespace triton_lite {

using TensorIndex = std::size_t;
using StepIndex = std::size_t;

struct EnsembleStep {
  std::string model_name;
  std::int64_t model_version = -1;
  std::vector<std::pair<std::string, TensorIndex>> inputs;   // The model's name of it, the ensemble's tensor.
  std::vector<std::pair<std::string, TensorIndex>> outputs;  // Likewise.
  std::vector<TensorIndex> taken;                            // The tensors of inputs, each once.
};

struct EnsembleOutput {
  std::string name;
  TensorIndex tensor = 0;
  Shape dims;       // After reshape, without the batch dimension.
  TensorSpec spec;  // As configured.
};

// Which part of the graph a request needs, by the outputs that it asks for.
struct EnsemblePlan {
  std::vector<bool> runs;              // By step.
  std::vector<bool> answers;           // By step: the client gets one of its outputs.
  std::vector<bool> needed;            // By tensor: somebody takes it, or nobody ever would.
  std::vector<std::uint32_t> uses;     // By tensor: how many steps take each of its values, plus one for the client.
  std::vector<std::size_t> requested;  // Positions in outputs(), in the client's order.
};

// Immutable.
class EnsembleGraph {
 public:
  explicit EnsembleGraph(const ModelSpec& spec);

  const std::string& name() const { return name_; }
  bool decoupled() const { return decoupled_; }
  bool batches() const { return batches_; }
  const std::vector<EnsembleStep>& steps() const { return steps_; }
  const std::vector<EnsembleOutput>& outputs() const { return outputs_; }
  const std::vector<std::pair<std::string, TensorIndex>>& inputs() const { return inputs_; }
  std::size_t tensor_count() const { return consumers_.size(); }
  // Each step once.
  const std::vector<StepIndex>& consumers(TensorIndex tensor) const { return consumers_[tensor]; }

  // Made once for all outputs in their own order, which is what most requests ask for.
  std::shared_ptr<const EnsemblePlan> Plan(std::span<const RequestedOutput> requested) const;

 private:
  EnsemblePlan MakePlan(std::span<const RequestedOutput> requested) const;
  TensorIndex Intern(const std::string& tensor);
  void MarkDeadEnds(EnsemblePlan* plan) const;
  void MarkBackwards(EnsemblePlan* plan) const;

  std::string name_;
  bool decoupled_;
  bool batches_;
  std::vector<EnsembleStep> steps_;
  std::vector<std::pair<std::string, TensorIndex>> inputs_;
  std::vector<EnsembleOutput> outputs_;
  std::map<std::string, TensorIndex> index_;
  std::vector<std::vector<StepIndex>> consumers_;
  std::shared_ptr<const EnsemblePlan> full_plan_;
};

}  // namespace triton_lite
