// The body of an INFER message: a request that a model makes of another one.
#pragma once

#include <cstdint>
#include <string>

#include "core/request.h"
#include "core/status.h"
#include "model_process/body_reader.h"

namespace triton_lite::model_process {

struct InferCall {
  std::uint64_t parent_key = 0;
  std::string model_name;
  std::int64_t version = -1;
  bool decoupled = false;  // It takes several responses.
  bool traced = false;     // As a child of its parent.
  RequestPtr request;      // Without model, responder and cancel token.
};

// Reads the bytes of all inputs. INTERNAL when the body is not well-formed.
Result<InferCall> ReadInfer(Bytes body, const RemoteMemory& memory, const Lane& lane);

}  // namespace triton_lite::model_process
