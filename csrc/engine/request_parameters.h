// The parameters of a request that Triton gives a meaning (schedule policy, sequence and parameters extensions).
#pragma once

#include <memory>
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
  std::vector<SharedRegionPtr> checked = {};           // Those that their owners can truncate.
  std::vector<std::shared_ptr<const void>> uses = {};  // RegionRegistry::Part::use of each.

  void Add(SharedRegionPtr region, std::shared_ptr<const void> use) {
    any = true;
    if (region != nullptr) {
      checked.push_back(std::move(region));
    }
    uses.push_back(std::move(use));
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
