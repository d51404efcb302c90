// Records the ends of an ensemble's steps, as CallResponder does those of calls.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "core/request.h"
#include "engine/request_recorder.h"
#include "engine/served_model.h"

namespace triton_lite {

class StepResponder final : public Responder {
 public:
  // Takes the place of the responder of `request`, which keeps `model` alive.
  static void Install(InferenceRequest* request, const ServedModel& model, RequestRecorder* recorder) {
    request->responder.reset(new StepResponder(request, model, recorder));
  }

  OutputMemory& memory() override { return inner_->memory(); }
  void Send(InferenceResponse response, bool last) override {
    recorder_->RecordResponse(model_, request_);
    if (request_->trace != nullptr) {
      request_->trace->OnResponse(response);
    }
    if (last) {
      recorder_->RecordEnd(model_, request_, {});
    }
    inner_->Send(std::move(response), last);
  }
  void Fail(Status status) override {
    recorder_->RecordEnd(model_, request_, status);
    inner_->Fail(std::move(status));
  }
  void Finish() override {
    recorder_->RecordEnd(model_, request_, {});
    inner_->Finish();
  }
  bool HasCredit() override { return inner_->HasCredit(); }
  void OnCredit(std::function<void()> hook) override { inner_->OnCredit(std::move(hook)); }
  void OnReschedule() override { recorder_->RecordExecution(model_, request_); }

 private:
  StepResponder(InferenceRequest* request, const ServedModel& model, RequestRecorder* recorder)
      : request_(request), inner_(std::move(request->responder)), model_(model), recorder_(recorder) {}

  InferenceRequest* const request_;  // Owns this.
  const std::unique_ptr<Responder> inner_;
  const ServedModel& model_;
  RequestRecorder* const recorder_;
};

}  // namespace triton_lite
