// The generate extension: JSON objects to inference inputs by the model's signature, responses back to JSON.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/model_spec.h"
#include "core/parameters.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite::wire {

// Fills id, inputs (client view; data owned by heap buffers) and parameters of `request`.
Status DecodeGenerate(const ModelSpec& spec, std::string_view json, InferenceRequest* request);

// One response as the JSON text of the extension (an SSE event's payload, or the body).
Result<std::string> EncodeGenerate(const ModelSpec& spec, const InferenceRequest& request,
                                   const InferenceResponse& response);

}  // namespace triton_lite::wire
