// The `reshape` of an output: the client sees `dims`, the model gives `reshape`.
#pragma once

#include "core/model_spec.h"
#include "core/shape.h"

namespace triton_lite {

// The shape that the client (or the next step of an ensemble) gets of an output that the model gave as `shape`.
// `batches`: the first dimension of `shape` counts the elements of the batch. Without a reshape it is `shape` itself.
Shape ClientShape(const TensorSpec& output, bool batches, const Shape& shape);

}  // namespace triton_lite
