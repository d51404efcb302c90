// The values of a model's implicit states before the first request of a sequence.
#pragma once

#include "core/model_spec.h"
#include "core/sequence_states.h"
#include "core/status.h"

namespace triton_lite {

// Of each state of `spec`, in their order: what its initial_state says, else zeros (for BYTES, empty strings) with 1
// for each variable dimension. No states for a model without sequence batching. Errors are those of Triton for files of
// MODEL/initial_state that are missing or too short.
Result<SequenceStates> MakeInitialStates(const ModelSpec& spec);

}  // namespace triton_lite
