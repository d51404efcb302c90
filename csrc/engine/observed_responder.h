// Tells the observer of the ends of an ensemble's steps, as CallResponder does of those of calls.
#pragma once

#include <memory>
#include <utility>

#include "core/request.h"
#include "engine/observer.h"
#include "engine/served_model.h"

namespace triton_lite {

class ObservedResponder final : public Responder {
 public:
  // Takes the place of the responder of `request`, which keeps `model` alive.
  static void Install(InferenceRequest* request, const ServedModel& model, EngineObserver* observer) {
    request->responder.reset(new ObservedResponder(request, model, observer));
  }

  OutputMemory& memory() override { return inner_->memory(); }
  void Send(InferenceResponse response, bool last) override {
    inner_->Send(std::move(response), last);
    if (last) {
      End({});
    }
  }
  void Fail(Status status) override {
    inner_->Fail(status);
    End(status);
  }
  void Finish() override {
    inner_->Finish();
    End({});
  }

 private:
  ObservedResponder(InferenceRequest* request, const ServedModel& model, EngineObserver* observer)
      : request_(request), inner_(std::move(request->responder)), model_(model), observer_(observer) {}

  void End(const Status& status) {
    request_->times.request_end = NowNanoseconds();
    observer_->OnRequestEnd(model_, *request_, status);
  }

  InferenceRequest* const request_;  // Owns this.
  const std::unique_ptr<Responder> inner_;
  const ServedModel& model_;
  EngineObserver* const observer_;
};

}  // namespace triton_lite
