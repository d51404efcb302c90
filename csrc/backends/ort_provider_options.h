// The options of execution providers from `optimization.execution_accelerators` and `parameters`.
#pragma once

#include "backends/ort_settings.h"

namespace triton_lite::ort {

// Fills `settings->tensorrt` and `settings->cuda`. INVALID_ARGUMENT, with Triton's texts, for an unknown accelerator,
// an unknown parameter or a bad value.
Status ReadProviderOptions(const ModelSpec& spec, Settings* settings);

}  // namespace triton_lite::ort
