// Classification extension: an output as its highest values, with index and label, instead of the tensor.
#pragma once

#include <cstdint>

#include "core/buffer.h"
#include "core/model_spec.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// Ranks `output` (each row of its first dimension apart if `batched`) and gives the best `count` as BYTES
// "value:index[:label]", shape [rows, classes] or [classes]. Labels come from `spec`. The bytes lie in `memory`.
// INVALID_ARGUMENT for datatypes that are no plain numbers and for rows of more than 1,000,000 elements.
Result<OutputTensor> Classify(const OutputTensor& output, const TensorSpec& spec, std::uint32_t count, bool batched,
                              OutputMemory* memory);

}  // namespace triton_lite
