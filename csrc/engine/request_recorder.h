// The one place that is told how each request ended: what statistics, metrics, traces and logs are written from.
#pragma once

#include "core/request.h"
#include "core/status.h"
#include "engine/served_model.h"
#include "metrics/request_figures.h"

namespace triton_lite {

// Thread-safe. Called on data-plane threads: quick, no lock that is held for long, nothing thrown.
class RequestRecorder {
 public:
  // Stamps the first response of `request` if there may be several. Before it is handed over.
  void RecordResponse(const ServedModel& model, InferenceRequest* request) {
    if (model.spec().decoupled && request->times.first_response == 0) {
      request->times.first_response = NowNanoseconds();
    }
  }
  // Counts an execution after which `request` goes on: as a request that was answered, as Triton does.
  void RecordExecution(const ServedModel& model, InferenceRequest* request);
  // Stamps the end of `request` and counts it. To be called once, before its last answer is handed over: whoever has
  // that finds the request counted. Returns what was counted.
  RequestFigures RecordEnd(const ServedModel& model, InferenceRequest* request, const Status& status);
};

}  // namespace triton_lite
