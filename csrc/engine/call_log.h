// What is logged of each inference call: a line in the access log, lines of a verbose log.
#pragma once

#include <cstdint>

#include "channel/call.h"
#include "core/request.h"
#include "core/status.h"
#include "engine/served_model.h"
#include "log/access_log.h"
#include "metrics/request_figures.h"

namespace triton_lite {

inline bool HasAccessLog() { return ProcessAccessLog() != nullptr; }

// Bytes of an answer as it goes to the front end.
std::uint64_t ByteSize(const Answer& answer);

// A request is valid and about to be given to its model's scheduler.
void LogPrepared(const InferenceRequest& request);
// A call was refused before it became a request of a model.
void LogRefused(const Call& call, const Status& status);
// A request has ended. `bytes_out`: of all its answers.
void LogEnded(const Call& call, const ServedModel& model, const InferenceRequest& request,
              const RequestFigures& figures, Code status, std::uint64_t bytes_out);

}  // namespace triton_lite
