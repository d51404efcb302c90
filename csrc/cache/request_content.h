// What of a request decides its answer: the model and its version, the inputs, and which outputs are asked for. Not its
// id, parameters, priority, timeout or sequence, as in Triton.
#pragma once

#include <string>

#include "cache/siphash.h"
#include "core/request.h"

namespace triton_lite {

// False where an input lies on a device: it cannot be looked at here.
bool HasReadableInputs(const InferenceRequest& request);

// Everything but the bytes of the inputs, whose sizes it has: followed by these bytes, in order, it is the content of
// the request, and different contents never look the same.
std::string ContentHead(const InferenceRequest& request);

// `key` is secret, so that no client can make two requests of the same hash.
Hash128 HashContent(const InferenceRequest& request, const SipKey& key);

}  // namespace triton_lite
