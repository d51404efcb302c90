#include "engine/request_recorder.h"

#include "metrics/request_figures.h"

namespace triton_lite {

void RequestRecorder::RecordEnd(const ServedModel& model, InferenceRequest* request, const Status& status) {
  request->times.request_end = NowNanoseconds();
  const RequestFigures figures = MeasureRequest(*request, status, model.spec().decoupled);
  model.statistics().Record(figures);
  if (ModelMetrics* const metrics = model.metrics(); metrics != nullptr) {
    metrics->Record(figures);
  }
}

}  // namespace triton_lite
