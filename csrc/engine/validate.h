// Whether a request fits the model that it names, with Triton's texts.
#pragma once

#include "core/request.h"
#include "core/status.h"
#include "engine/served_model.h"

namespace triton_lite {

// `request` has inputs and outputs in the client's order. On success the inputs are in the model's order with
// `model_shape` set, `outputs` is complete and `batch_size` known; the bytes of each input are exactly those of its
// shape, BYTES tensors are framed correctly.
// An error that Triton's backends find, not its core, is `in_model` instead: to be told as the model's own.
Status ValidateRequest(const ServedModel& model, InferenceRequest* request, Status* in_model);

}  // namespace triton_lite
