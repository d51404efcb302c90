// An answer as bytes, for a cache in another process. Little-endian; every text, shape and tensor after its length.
#pragma once

#include <string>

#include "core/buffer.h"
#include "core/request.h"

namespace triton_lite {

// INVALID_ARGUMENT when an output lies on a device.
Result<std::string> WriteAnswer(const InferenceResponse& response);

// Outputs stay in `blob`. INVALID_ARGUMENT for anything that WriteAnswer did not write: the bytes may be anybody's.
Result<InferenceResponse> ReadAnswer(const Buffer& blob);

}  // namespace triton_lite
