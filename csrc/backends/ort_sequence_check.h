// Whether a file has what sequence batching needs of it.
#pragma once

#include "backends/backend.h"
#include "core/model_spec.h"
#include "core/status.h"

namespace triton_lite::ort {

// Checks the inputs for controls and states of `spec`, with Triton's texts, and counts them in *added. Nothing to check
// without sequence batching.
Status CheckSequenceInputs(const ModelSpec& spec, const ModelSignature& signature, std::size_t* added);

// The outputs that are states, which Triton looks at only when a request comes.
Status CheckStateOutputs(const ModelSpec& spec, const ModelSignature& signature);

}  // namespace triton_lite::ort
