// The implicit states of one sequence: values that a model gives with one request and gets back with the next.
#pragma once

#include <vector>

#include "core/buffer.h"
#include "core/datatype.h"
#include "core/shape.h"

namespace triton_lite {

struct SequenceState {
  DataType datatype = DataType::kInvalid;
  Shape shape;  // As the model sees it, batch dimension included.
  Buffer data;
  bool own = false;  // False: `data` is an initial value that other sequences read too.
};

// In the order of SequenceBatchingSpec::state.
using SequenceStates = std::vector<SequenceState>;

}  // namespace triton_lite
