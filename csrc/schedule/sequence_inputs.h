// The inputs that a sequence model gets from the scheduler: control signals and implicit states.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"
#include "core/sequence_states.h"

namespace triton_lite {

// Immutable; the tensors that it adds read its memory, or that of the request.
class SequenceInputs {
 public:
  // `spec` has a SequenceBatchingSpec. `initial`: the value of each of its states before the first request of a
  // sequence, in their order, not own.
  SequenceInputs(const ModelSpec& spec, SequenceStates initial);
  SequenceInputs(const SequenceInputs&) = delete;
  SequenceInputs& operator=(const SequenceInputs&) = delete;

  // What is added, in its order, as if the configuration had inputs for it.
  std::vector<TensorSpec> AsInputs(const SequenceBatchingSpec& batching) const;

  // Adds the controls that the request's flags and correlation id say, and the states before it: those of `states`,
  // which start anew with a sequence.
  void AddTo(InferenceRequest& request, SequenceStates& states) const;

  // Takes them off again: a request that is to run once more gets others.
  void RemoveFrom(InferenceRequest& request) const;

  // Stands for an empty slot of a batch: inputs and shapes as those of `like`, to which everything was added, zeros in
  // the place of data, nothing asked for.
  RequestPtr MakeNull(const InferenceRequest& like) const;

 private:
  enum Signal : std::size_t { kStartSignal, kEndSignal, kReadySignal, kSignals };

  // START, END or READY.
  struct Flag {
    InputTensor off;
    InputTensor on;
    alignas(4) std::array<std::array<std::byte, 4>, 2> values{};  // Under both.
    bool used = false;
  };

  void MakeFlag(const SequenceControlSpec& control, bool batches, Flag* flag);
  InputTensor CorrelationInput(InferenceRequest& request) const;
  static void Put(InferenceRequest& request, const InputTensor& tensor, bool may_be_there);
  void AddControls(InferenceRequest& request, bool ready, bool may_be_there) const;
  bool IsAdded(const std::string& name) const;

  std::array<Flag, kSignals> flags_;
  InputTensor correlation_;  // Without data; no name when the model has none.
  std::vector<InputTensor> states_;
  const SequenceStates initial_;
  std::vector<std::string> shape_tensors_;
  std::size_t count_ = 0;  // Inputs that are added.
  bool overlaps_ = false;  // One of them is an input of the request as well, and takes its place.
};

}  // namespace triton_lite
