// Answers a call with what its request brings forth.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "channel/call.h"
#include "core/request.h"
#include "engine/request_parameters.h"
#include "engine/request_recorder.h"
#include "engine/served_model.h"

namespace triton_lite {

// What every responder of the engine shares: the call's memory, and that the end of the request is recorded.
class CallResponder : public Responder {
 public:
  // `request` owns this responder.
  CallResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request, RequestRecorder* recorder);
  ~CallResponder() override;

  OutputMemory& memory() override { return *call_; }
  void Send(InferenceResponse response, bool last) final;
  void Fail(Status status) final;
  void Finish() final;
  void OnReschedule() final { recorder_->RecordExecution(*model_, request_); }

 protected:
  const ServedModel& model() const { return *model_; }
  const InferenceRequest& request() const { return *request_; }
  Call& call() const { return *call_; }

  // The answer to one response of the model.
  virtual Result<Answer> Encode(InferenceResponse response, bool last) = 0;
  // The last answer when the model ends without a response.
  virtual Answer EncodeEnd() = 0;
  // Whatever that is.
  virtual void BeforeLastAnswer() {}
  // Whether the call has exactly one answer; further responses of the model are dropped then.
  virtual bool single_answer() const = 0;
  // The encoded head of the response that an error of the model replaces.
  virtual std::string FailureHead() const;

 private:
  // Names the response that an error replaces, if the model was asked at all.
  void AddFailureHead(Answer* answer);
  void End(Answer answer);

  const CallPtr call_;
  const ServedModelPtr model_;
  InferenceRequest* const request_;
  RequestRecorder* const recorder_;
  std::uint64_t bytes_out_ = 0;  // Of the answers before the last; for the access log.
  bool ended_ = false;
};

// kModelInfer and kRawInfer: one answer. kModelStreamInfer: one for each response, marked.
std::unique_ptr<Responder> MakeInferResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request,
                                              RequestRecorder* recorder, CallOptions options, std::string version_text);

// kGenerate and kGenerateStream: JSON texts.
std::unique_ptr<Responder> MakeGenerateResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request,
                                                 RequestRecorder* recorder);

}  // namespace triton_lite
