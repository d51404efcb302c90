// MakeGenerateResponder of call_responder.h: responses as the JSON texts of the generate extension.
#include <cstring>
#include <utility>

#include "engine/call_responder.h"
#include "wire/generate.h"

namespace triton_lite {
namespace {

// Without streaming the answer is the model's only response: it waits until the model has ended.
class GenerateResponder final : public CallResponder {
 public:
  GenerateResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request, RequestRecorder* recorder)
      : CallResponder(call, std::move(model), request, recorder), stream_(call->method() == Method::kGenerateStream) {}

 protected:
  bool single_answer() const override { return false; }

  Result<Answer> Encode(InferenceResponse response, bool last) override {
    if (!stream_ && !last) {
      return NotExactlyOne();
    }
    ASSIGN_OR_RETURN(const std::string json, wire::EncodeGenerate(model().spec(), request(), response));
    ASSIGN_OR_RETURN(Buffer segment, memory().Allocate(json.size()));
    std::memcpy(segment.data, json.data(), json.size());
    Answer answer;
    answer.segments.push_back(std::move(segment));
    return answer;
  }

  Answer EncodeEnd() override { return stream_ ? Answer{} : Answer{NotExactlyOne(), {}, {}}; }

 private:
  static Status NotExactlyOne() {
    return Internal(
        "generate expects model to produce exactly 1 response, use generate stream for model that generates various "
        "number of responses");
  }

  const bool stream_;
};

}  // namespace

std::unique_ptr<Responder> MakeGenerateResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request,
                                                 RequestRecorder* recorder) {
  return std::make_unique<GenerateResponder>(std::move(call), std::move(model), request, recorder);
}

}  // namespace triton_lite
