// What a model is warmed up with: the samples of its configuration as requests that are ready for a backend.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/model_spec.h"
#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// All requests of a sample are alike and share their bytes.
struct WarmUpSample {
  std::string name;
  std::uint32_t batch_size = 1;  // Requests of one element each, run together.
  std::uint32_t count = 1;       // Runs, one after the other.
  std::vector<InputTensor> inputs;
  std::vector<RequestedOutput> outputs;
  Status in_model;  // What a backend finds wrong with the bytes, as for any request.
};

// Generates data and reads files of MODEL/warmup. Inputs that the configuration does not have (a sequence model's
// controls) come last. Samples of batch size 0 are left out. Errors have Triton's texts.
Result<std::vector<WarmUpSample>> MakeWarmUpSamples(const ModelSpec& spec);

}  // namespace triton_lite
