#include "engine/request_recorder.h"

namespace triton_lite {

namespace {

void Count(const ServedModel& model, const RequestFigures& figures) {
  model.statistics().Record(figures);
  if (ModelMetrics* const metrics = model.metrics(); metrics != nullptr) {
    metrics->Record(figures);
  }
}

}  // namespace

void RequestRecorder::RecordExecution(const ServedModel& model, InferenceRequest* request) {
  Timestamps& times = request->times;
  times.request_end = NowNanoseconds();
  RequestFigures figures = MeasureRequest(*request, {}, model.spec());
  figures.responded = false;
  Count(model, figures);
  // Should it end before it runs again, this execution is not to be counted twice.
  request->execution_batch_size = 0;
  times.compute_input_end = times.compute_output_start = times.compute_end = 0;
}

RequestFigures RequestRecorder::RecordEnd(const ServedModel& model, InferenceRequest* request, const Status& status) {
  request->times.request_end = NowNanoseconds();
  const RequestFigures figures = MeasureRequest(*request, status, model.spec());
  Count(model, figures);
  return figures;
}

}  // namespace triton_lite
