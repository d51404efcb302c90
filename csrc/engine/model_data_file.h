// The files of a model beside its versions: MODEL/warmup, MODEL/initial_state.
#pragma once

#include <string>

#include "core/buffer.h"
#include "core/model_spec.h"
#include "core/status.h"

namespace triton_lite {

// Reads `name` below the model's folder `folder` whole. INTERNAL when it can not be opened, INVALID_ARGUMENT for a name
// that leaves the folder, and for what is no regular file or is larger than 4 GiB.
Result<Buffer> ReadModelDataFile(const ModelSpec& spec, const std::string& folder, const std::string& name);

}  // namespace triton_lite
