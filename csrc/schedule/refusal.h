// What schedulers say to requests that they do not run.
#pragma once

#include <string>
#include <utility>

#include "core/request.h"
#include "core/status.h"

namespace triton_lite {

// The start of Triton's texts about one request.
inline std::string RequestPrefix(const InferenceRequest& request) {
  return "[request id: " + (request.id.empty() ? "<id_unknown>" : request.id) + "] ";
}

inline Status RefusedWhileStopping(const InferenceRequest& request) {
  return Unavailable(RequestPrefix(request) +
                     "Server is stopping, scheduler for model has stopped accepting new inference requests");
}

inline Status RefusedByFullQueue(const InferenceRequest& request) {
  return Unavailable(RequestPrefix(request) + "Exceeds maximum queue size");
}

// Triton's text has no prefix here.
inline Status RefusedAfterTimeout() { return Unavailable("Request timeout expired"); }

// Only iterative sequences run a request again.
inline Status RefusedToRunAgain() {
  return InvalidArgument(
      "Request is released with TRITONSERVER_REQUEST_RELEASE_RESCHEDULE, while the model is not configured to handle "
      "such a flag.");
}

// Ends a request that was taken in, or was not (kUncounted), and will not run.
inline void Refuse(InferenceRequest& request, FailureReason reason, Status status) {
  request.failure_reason = reason;
  request.responder->Fail(std::move(status));
}

}  // namespace triton_lite
