// Execution providers of one session: CUDA and TensorRT on a GPU.
#pragma once

#include <cstdint>

#include "backends/ort_library.h"
#include "backends/ort_settings.h"

namespace triton_lite::ort {

// Adds what an instance on GPU `device_id` runs on. Where this ONNX Runtime or the machine cannot, the error says why
// and what to install.
Status AddGpuProviders(const Library& library, const Settings& settings, std::int32_t device_id,
                       SessionOptions* options);

}  // namespace triton_lite::ort
