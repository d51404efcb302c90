// The parameters by which a tensor says that it lies in a registered region (shared-memory extensions).
#pragma once

#include <span>
#include <string_view>

#include "core/status.h"
#include "wire/infer_message.h"

namespace triton_lite {

// Whether the tensor lies in a region. INVALID_ARGUMENT for incomplete or mistyped parameters.
Result<bool> UsesSharedMemory(std::string_view tensor, std::span<const wire::NamedParameterView> parameters);

// The answer to well-formed requests for regions: this server registers none.
Status SharedMemoryNotBuilt();

}  // namespace triton_lite
