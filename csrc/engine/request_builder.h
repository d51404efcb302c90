// From an inference message to a request as its client meant it; the model is not asked yet (validate.h).
#pragma once

#include <memory>
#include <span>

#include "core/request.h"
#include "core/status.h"
#include "engine/region_registry.h"
#include "engine/request_parameters.h"
#include "engine/served_model.h"
#include "wire/infer_message.h"

namespace triton_lite {

// Fills `request` (id, parameters, inputs and outputs in the client's order). Tensor data is not copied unless it came
// as typed contents or lies in a region: `keep_alive` owns the bytes of `view` and `raw`. `raw`: the raw contents,
// wherever they came from. `lent`: the same, in process, with owners of their own. `may_change`: whether numbers in
// regions may (ServedModel::takes_changing_inputs).
Status BuildRequest(const wire::InferRequestView& view, std::span<const Bytes> raw,
                    const std::shared_ptr<void>& keep_alive, const RegionRegistry& regions, bool may_change,
                    InferenceRequest* request, CallOptions* options, std::span<const Buffer> lent = {});

// The raw binary request: `raw` is the only input of `model`, whose type and shape are deduced.
Status BuildRawRequest(const ServedModel& model, Bytes raw, const std::shared_ptr<void>& keep_alive,
                       InferenceRequest* request);

// "[request id: 7] ", the beginning of most texts.
std::string RequestIdText(const InferenceRequest& request);

}  // namespace triton_lite
