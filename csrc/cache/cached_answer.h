// The answer to a request, kept: outputs and parameters.
#pragma once

#include <cstdint>
#include <memory>

#include "core/request.h"

namespace triton_lite {

class CachedAnswer;
using CachedAnswerPtr = std::shared_ptr<const CachedAnswer>;

// Immutable. All outputs lie in one block, which responses share: answering copies nothing.
class CachedAnswer {
 public:
  // A copy of `response`. INVALID_ARGUMENT when an output lies on a device, UNAVAILABLE without memory.
  static Result<CachedAnswerPtr> Copy(const InferenceResponse& response);

  // What a copy of `response` takes, all bookkeeping counted.
  static std::uint64_t ByteSize(const InferenceResponse& response);
  std::uint64_t byte_size() const { return byte_size_; }

  // For a request that asks for the same outputs.
  InferenceResponse Respond() const { return response_; }

 private:
  InferenceResponse response_;
  std::uint64_t byte_size_ = 0;
};

}  // namespace triton_lite
