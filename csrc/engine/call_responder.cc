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
  Result<Answer> answer = Encode(std::move(response), final);
  if (!answer.ok()) {
    Fail(answer.status());
  } else if (final) {
    End(*std::move(answer));
  } else {
    bytes_out_ += HasAccessLog() ? ByteSize(*answer) : 0;
    call_->Reply(*std::move(answer), false);
  }
}

void CallResponder::Fail(Status status) {
  if (!ended_) {
    Answer answer{std::move(status), {}, {}};
    AddFailureHead(&answer);
    End(std::move(answer));
  }
}

void CallResponder::Finish() {
  if (!ended_) {
    End(EncodeEnd());
  }
}

std::string CallResponder::FailureHead() const {
  return wire::EncodeInferResponse({.model_name = model_->spec().name,
                                    .model_version = model_->version_text(),
                                    .id = request_->id,
                                    .parameters = nullptr,
                                    .outputs = {}});
}

void CallResponder::AddFailureHead(Answer* answer) {
  if (request_->times.compute_start == 0) {
    return;
  }
  const std::string head = FailureHead();
  Result<Buffer> segment = call_->Allocate(head.size());
  if (segment.ok()) {
    std::memcpy(segment->data, head.data(), head.size());
    answer->segments.push_back(*std::move(segment));
  }
}

void CallResponder::End(Answer answer) {
  ended_ = true;
  const RequestFigures figures = recorder_->RecordEnd(*model_, request_, answer.status);
  if (HasAccessLog()) {
    LogEnded(*call_, *model_, *request_, figures, answer.status.code(), bytes_out_ + ByteSize(answer));
  }
  answer.traced = request_->trace != nullptr && request_->trace->OnAnswer();
  BeforeLastAnswer();
  call_->Reply(std::move(answer), true);
}

}  // namespace triton_lite
