#include "engine/request_recorder.h"

namespace triton_lite {

void RequestRecorder::RecordEnd(const ServedModel& model, InferenceRequest* request, const Status& status) {
  request->times.request_end = NowNanoseconds();
  model.statistics().Record(*request, status);
}

}  // namespace triton_lite
