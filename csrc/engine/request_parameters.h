// The parameters of a request that Triton gives a meaning (schedule policy, sequence and parameters extensions).
#pragma once

#include <span>
#include <vector>

#include "core/request.h"
#include "core/status.h"
#include "memory/shared_region.h"
#include "wire/infer_message.h"

namespace triton_lite {

// What a client asked for that is no property of the request itself.
struct CallOptions {
  bool empty_final_response = false;          // triton_enable_empty_final_response.
  std::vector<SharedRegionPtr> regions = {};  // That its tensors lie in.
};

// Sorts `parameters` into the fields of `request`, its free parameters and `options`.
// INVALID_ARGUMENT for a wrong type and for other keys with the reserved prefix.
Status ApplyRequestParameters(std::span<const wire::NamedParameterView> parameters, InferenceRequest* request,
                              CallOptions* options);

}  // namespace triton_lite
