// Tensors that tell a model what its batch is made of (ModelConfig.batch_input), and how outputs are divided among the
// requests by the shape of an input (ModelConfig.batch_output). For backends that run ragged batches.
#pragma once

#include <span>
#include <string>

#include "core/bytes.h"
#include "core/model_spec.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// The shape of a batch input for `batch`. An error when a request has no source input.
Result<Shape> BatchInputShape(const BatchInputSpec& spec, std::span<InferenceRequest* const> batch);

// Writes the elements of a batch input, INT32 or FP32 as `spec` says: as many as its shape has.
Status FillBatchInput(const BatchInputSpec& spec, std::span<InferenceRequest* const> batch, MutableBytes out);

// The shape of the part of an output that belongs to `request`: `dims` (batch dimension included), its variable
// dimensions those of the request's input `source`.
Result<Shape> ScatteredShape(const Shape& dims, const std::string& source, const InferenceRequest& request);

}  // namespace triton_lite
