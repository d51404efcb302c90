#include "engine/request_recorder.h"

namespace triton_lite {

RequestFigures RequestRecorder::RecordEnd(const ServedModel& model, InferenceRequest* request, const Status& status) {
  request->times.request_end = NowNanoseconds();
  const RequestFigures figures = MeasureRequest(*request, status, model.spec());
  model.statistics().Record(figures);
  if (ModelMetrics* const metrics = model.metrics(); metrics != nullptr) {
    metrics->Record(figures);
  }
  return figures;
}

}  // namespace triton_lite
