// Reads what a model process answers.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "model_process/body_reader.h"

namespace triton_lite::model_process {

// One record of RESPONSES or EXECUTED; views of the body.
struct ResponseView {
  std::uint64_t key = 0;
  std::uint32_t flags = 0;
  Status error;  // kHasError.
  std::string_view parameters;
  std::vector<TensorView> outputs;

  bool has(std::uint32_t flag) const { return (flags & flag) != 0; }
  // Whether something of it is read from the model's memory.
  bool refers_to_memory() const;
};

// The records of a body, and the places that the model lets go of.
struct ResponsesView {
  std::vector<ResponseView> responses;
  std::vector<std::uint64_t> released;
};

Result<ResponsesView> ReadResponses(Bytes body);

// The places of a RELEASE.
std::vector<std::uint64_t> ReadReleased(Bytes body);

}  // namespace triton_lite::model_process
