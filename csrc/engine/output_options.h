// What a client asks of each output that it names.
#pragma once

#include "core/request.h"
#include "core/status.h"
#include "engine/region_registry.h"
#include "engine/request_parameters.h"
#include "wire/infer_message.h"

namespace triton_lite {

// Appends the outputs of `view` to `request`, with their classification counts, free parameters and places in
// `regions`, which are added to `options`.
Status AddOutputs(const wire::InferRequestView& view, const RegionRegistry& regions, InferenceRequest* request,
                  CallOptions* options);

}  // namespace triton_lite
