// Where the bytes of each input come from: raw contents, typed contents, shared memory.
#pragma once

#include <memory>
#include <span>

#include "core/request.h"
#include "core/status.h"
#include "engine/region_registry.h"
#include "engine/request_parameters.h"
#include "wire/infer_message.h"

namespace triton_lite {

// Appends the inputs of `view` to `request`. `raw` in the order of those inputs that have no contents of their own.
// What lies in one of `regions` stays there if no value of it can do harm (floating point, or numbers on a GPU, which
// nothing on the host reads there, or any numbers if they `may_change`), and is copied here, once, otherwise: its owner
// may change it between a check and the use. The regions are added to `options`. `lent`: in the place of `raw`, with
// owners of their own (in process).
Status AddInputs(const wire::InferRequestView& view, std::span<const Bytes> raw, std::span<const Buffer> lent,
                 const std::shared_ptr<void>& keep_alive, const RegionRegistry& regions, bool may_change,
                 InferenceRequest* request, CallOptions* options);

}  // namespace triton_lite
