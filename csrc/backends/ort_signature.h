// What a session says of its inputs and outputs, and whether a configuration fits.
#pragma once

#include "backends/backend.h"
#include "backends/ort_handles.h"
#include "backends/ort_library.h"

namespace triton_lite::ort {

// Inputs and outputs in the file's order; initializers that a request may override come last among the inputs, as
// optional ones. UNIMPLEMENTED, with Triton's text, for sequences, maps and other things that are no tensors.
Result<ModelSignature> ReadSignature(const Library& library, const Session* session);

// INVALID_ARGUMENT, with Triton's text, where `spec` says something else than the file.
Status CheckSignature(const ModelSpec& spec, const ModelSignature& signature);

}  // namespace triton_lite::ort
