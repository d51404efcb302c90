// Answers a call with what its request brings forth.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

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
  bool HasCredit() final { return call_->HasCredit(); }
  void OnCredit(std::function<void()> hook) final { call_->OnCredit(std::move(hook)); }
  void OnReschedule() final { recorder_->RecordExecution(*model_, request_); }

 protected:
  const ServedModel& model() const { return *model_; }
  const InferenceRequest& request() const { return *request_; }
  Call& call() const { return *call_; }

  // The answer to one response of the model.
  virtual Result<Answer> Encode(InferenceResponse response, bool last) = 0;
  // The last answer when the model ends without a response.
  virtual Answer EncodeEnd() = 0;
  // What is to be sent now that there is this answer, which is not the last: nothing where it has to wait.
  virtual std::optional<Answer> Pass(Answer answer) { return answer; }
  // The last answer, given the one that came last.
  virtual Answer Conclude(Answer answer) { return answer; }
  // Whatever that is.
  virtual void BeforeLastAnswer() {}
  // Whether the call has exactly one answer; further responses of the model are dropped then.
  virtual bool single_answer() const = 0;
  // The encoded head of the response that an error of the model replaces.
  virtual std::string FailureHead(bool last) const;

 private:
  Answer ToAnswer(InferenceResponse response, bool last);
  // Names the response that the error replaces, if the model was asked at all.
  Answer ToFailure(Status status, bool last);
  // `outcome`: what the request counts as.
  void End(Answer answer, const Status& outcome);
  // Decoupled models have done what they were asked for, whatever their responses say.
  Status Outcome(const Answer& answer) const { return model_->spec().decoupled ? Status() : answer.status; }

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
