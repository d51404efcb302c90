#include "engine/call_responder.h"

#include <cstring>
#include <utility>

#include "engine/call_log.h"
#include "wire/infer_message.h"

namespace triton_lite {

CallResponder::CallResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request, RequestRecorder* recorder)
    : call_(std::move(call)), model_(std::move(model)), request_(request), recorder_(recorder) {}

CallResponder::~CallResponder() {
  if (!ended_) {
    // The request is being destroyed: only the call may be touched.
    call_->Reply(Answer{Internal("the request was dropped"), {}, {}}, true);
  }
}

void CallResponder::Send(InferenceResponse response, bool last) {
  if (ended_) {
    return;
  }
  recorder_->RecordResponse(*model_, request_);
  if (request_->trace != nullptr) {
    request_->trace->OnResponse(response);
  }
  const bool final = last || single_answer();
  Answer answer = ToAnswer(std::move(response), final);
  if (final) {
    answer = Conclude(std::move(answer));
    const Status outcome = Outcome(answer);
    End(std::move(answer), outcome);
  } else if (std::optional<Answer> passed = Pass(std::move(answer))) {
    bytes_out_ += HasAccessLog() ? ByteSize(*passed) : 0;
    call_->Reply(*std::move(passed), false);
  }
}

void CallResponder::Fail(Status status) {
  if (!ended_) {
    Answer answer = ToFailure(std::move(status), true);
    const Status outcome = answer.status;
    End(std::move(answer), outcome);
  }
}

void CallResponder::Finish() {
  if (!ended_) {
    Answer answer = EncodeEnd();
    const Status outcome = Outcome(answer);
    End(std::move(answer), outcome);
  }
}

Answer CallResponder::ToAnswer(InferenceResponse response, bool last) {
  if (!response.error.ok()) {
    return ToFailure(std::move(response.error), last);
  }
  Result<Answer> answer = Encode(std::move(response), last);
  return answer.ok() ? *std::move(answer) : ToFailure(answer.status(), last);
}

std::string CallResponder::FailureHead(bool /*last*/) const {
  return wire::EncodeInferResponse({.model_name = model_->spec().name,
                                    .model_version = model_->version_text(),
                                    .id = request_->id,
                                    .parameters = nullptr,
                                    .outputs = {}});
}

Answer CallResponder::ToFailure(Status status, bool last) {
  Answer answer{std::move(status), {}, {}};
  if (request_->times.compute_start == 0) {
    return answer;
  }
  const std::string head = FailureHead(last);
  Result<Buffer> segment = call_->Allocate(head.size());
  if (segment.ok()) {
    std::memcpy(segment->data, head.data(), head.size());
    answer.segments.push_back(*std::move(segment));
  }
  return answer;
}

void CallResponder::End(Answer answer, const Status& outcome) {
  ended_ = true;
  const RequestFigures figures = recorder_->RecordEnd(*model_, request_, outcome);
  if (HasAccessLog()) {
    LogEnded(*call_, *model_, *request_, figures, answer.status.code(), bytes_out_ + ByteSize(answer));
  }
  answer.traced = request_->trace != nullptr && request_->trace->OnAnswer();
  BeforeLastAnswer();
  call_->Reply(std::move(answer), true);
}

}  // namespace triton_lite
