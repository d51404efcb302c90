// The batch dimension of tensors that pass between models that batch and models that do not.
#pragma once

#include <cstdint>

#include "core/shape.h"

namespace triton_lite {

// The shape under which a tensor goes to a place configured as `dims` (without a batch dimension), which batches or
// does not. `batch_size`: of the request that the tensor came from, 0 if its model does not batch.
// A batch dimension of 1 is put before a shape that is `dims` already, or taken from one that is not; else the shape
// stays as it is.
Shape AdaptBatchDimension(const Shape& dims, bool batches, std::int64_t batch_size, const Shape& shape);

}  // namespace triton_lite
