// What a client asks of each output that it names.
#pragma once

#include "core/request.h"
#include "core/status.h"
#include "wire/infer_message.h"

namespace triton_lite {

// Appends the outputs of `view` to `request`, with their classification counts and free parameters.
Status AddOutputs(const wire::InferRequestView& view, InferenceRequest* request);

}  // namespace triton_lite
