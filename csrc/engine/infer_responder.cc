// MakeInferResponder of call_responder.h: responses as ModelInferResponse messages with their tensors as segments.
#include <utility>

#include "cuda/copies.h"
#include "engine/call_responder.h"
#include "engine/classification.h"
#include "engine/region_outputs.h"
#include "wire/infer_message.h"

namespace triton_lite {
namespace {

class InferResponder final : public CallResponder {
 public:
  InferResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request, RequestRecorder* recorder, bool stream,
                 CallOptions options, std::string version_text)
      : CallResponder(std::move(call), std::move(model), request, recorder),
        stream_(stream),
        empty_final_response_(options.empty_final_response),
        version_text_(std::move(version_text)),
        memory_(&this->call(), &this->model().spec(), request) {
    memory_.SetRegions(std::move(options.regions));
  }

  OutputMemory& memory() override { return memory_; }

 protected:
  bool single_answer() const override { return !stream_; }

  Result<Answer> Encode(InferenceResponse response, bool last) override {
    RETURN_IF_ERROR(ClassifyOutputs(&response));
    RETURN_IF_ERROR(memory_.Complete(&response));
    MarkFinal(last, &response.parameters);
    Answer answer;
    answer.message = wire::EncodeInferResponse({.model_name = model().spec().name,
                                                .model_version = model().version_text(),
                                                .id = request().id,
                                                .parameters = &response.parameters,
                                                .outputs = response.outputs});
    answer.segments.reserve(response.outputs.size());
    for (OutputTensor& output : response.outputs) {
      answer.segments.push_back(std::move(output.data));
    }
    return answer;
  }

  Answer EncodeEnd() override {
    Answer answer;
    if (!stream_) {
      answer.status = Internal("the model ended the request without a response");
    } else if (empty_final_response_) {
      answer.message = EmptyResponse(true);
    }
    return answer;
  }

  void BeforeLastAnswer() override { memory_.EndUse(); }

  // The last response of a stream names model, version and request; so does the error in the place of one.
  std::string FailureHead(bool last) const override { return EmptyResponse(last); }

  std::string EmptyResponse(bool last) const {
    Parameters parameters;
    MarkFinal(last, &parameters);
    return wire::EncodeInferResponse({.model_name = model().spec().name,
                                      .model_version = version_text_,
                                      .id = request().id,
                                      .parameters = &parameters,
                                      .outputs = {}});
  }

 private:
  Status ClassifyOutputs(InferenceResponse* response) {
    for (const RequestedOutput& requested : request().outputs) {
      if (requested.class_count == 0) {
        continue;
      }
      for (OutputTensor& output : response->outputs) {
        const TensorSpec* spec = model().spec().FindOutput(output.name);
        if (output.name == requested.name && spec != nullptr) {
          ASSIGN_OR_RETURN(output.data, cuda::OnHost(output.data));
          ASSIGN_OR_RETURN(output, Classify(output, *spec, requested.class_count, model().batches(), &memory_));
        }
      }
    }
    return {};
  }

  void MarkFinal(bool last, Parameters* parameters) const {
    if (stream_) {
      parameters->Set("triton_final_response", last);
    }
  }

  const bool stream_;
  const bool empty_final_response_;
  const std::string version_text_;  // As the client wrote it: an empty final response shows it so.
  RegionOutputs memory_;
};

}  // namespace

std::unique_ptr<Responder> MakeInferResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request,
                                              RequestRecorder* recorder, CallOptions options,
                                              std::string version_text) {
  const bool stream = call->method() == Method::kModelStreamInfer;
  return std::make_unique<InferResponder>(std::move(call), std::move(model), request, recorder, stream,
                                          std::move(options), std::move(version_text));
}

}  // namespace triton_lite
