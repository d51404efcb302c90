// A batch of requests as the body of an EXECUTE message.
#pragma once

#include <span>

#include "core/request.h"
#include "core/status.h"
#include "model_process/body_writer.h"

namespace triton_lite::model_process {

// `keys`: one for each request of `batch`. UNAVAILABLE when there is no memory for the tensors.
Status WriteBatch(std::span<InferenceRequest* const> batch, std::span<const std::uint64_t> keys, BodyWriter* writer);

}  // namespace triton_lite::model_process
