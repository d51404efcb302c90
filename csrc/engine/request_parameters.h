// The parameters of a request that Triton gives a meaning (schedule policy, sequence and parameters extensions).
#pragma once

#include <span>
#include <utility>
#include <vector>

#include "core/request.h"
#include "core/status.h"
#include "memory/shared_region.h"
#include "wire/infer_message.h"

namespace triton_lite {

// The registered regions that the tensors of a request lie in.
struct UsedRegions {
  bool any = false;
  std::vector<SharedRegionPtr> checked = {};  // Those that their owners can truncate.

  void Add(SharedRegionPtr region) {
    any = true;
    if (region != nullptr) {
      checked.push_back(std::move(region));
    }
  }
};

// What a client asked for that is no property of the request itself.
struct CallOptions {
  bool empty_final_response = false;  // triton_enable_empty_final_response.
  UsedRegions regions = {};
};

// Sorts `parameters` into the fields of `request`, its free parameters and `options`.
// INVALID_ARGUMENT for a wrong type and for other keys with the reserved prefix.
Status ApplyRequestParameters(std::span<const wire::NamedParameterView> parameters, InferenceRequest* request,
                              CallOptions* options);

}  // namespace triton_lite
