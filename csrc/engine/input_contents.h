// Where the bytes of each input come from: raw contents, typed contents, shared memory.
#pragma once

#include <memory>
#include <span>

#include "core/request.h"
#include "core/status.h"
#include "wire/infer_message.h"

namespace triton_lite {

// Appends the inputs of `view` to `request`. `raw` in the order of those inputs that have no contents of their own.
Status AddInputs(const wire::InferRequestView& view, std::span<const Bytes> raw,
                 const std::shared_ptr<void>& keep_alive, InferenceRequest* request);

}  // namespace triton_lite
