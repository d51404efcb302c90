// MakeGenerateResponder of call_responder.h: responses as the JSON texts of the generate extension.
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include "engine/call_responder.h"
#include "wire/generate.h"
#include "wire/json_writer.h"

namespace triton_lite {
namespace {

constexpr std::string_view kNotExactlyOne =
    "generate expects model to produce exactly 1 response, use generate stream for model that generates various number "
    "of responses";

// Without streaming the answer is the model's only response: it waits until the model has ended.
class GenerateResponder final : public CallResponder {
 public:
  GenerateResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request, RequestRecorder* recorder)
      : CallResponder(call, std::move(model), request, recorder), stream_(call->method() == Method::kGenerateStream) {}

 protected:
  bool single_answer() const override { return false; }

  Result<Answer> Encode(InferenceResponse response, bool /*last*/) override {
    ASSIGN_OR_RETURN(const std::string json, wire::EncodeGenerate(model().spec(), request(), response));
    ASSIGN_OR_RETURN(Buffer segment, memory().Allocate(json.size()));
    std::memcpy(segment.data, json.data(), json.size());
    Answer answer;
    answer.segments.push_back(std::move(segment));
    return answer;
  }

  std::optional<Answer> Pass(Answer answer) override {
    if (stream_) {
      return answer;
    }
    Keep(std::move(answer));
    return std::nullopt;
  }

  Answer Conclude(Answer answer) override {
    if (stream_) {
      return answer;
    }
    Keep(std::move(answer));
    return EncodeEnd();
  }

  Answer EncodeEnd() override {
    if (stream_) {
      return {};
    }
    return count_ == 1 ? std::move(first_) : NotExactlyOne();
  }

 private:
  void Keep(Answer answer) {
    if (++count_ == 1) {
      first_ = std::move(answer);
    }
  }

  // The first response has begun the client's answer: only an error of the model is one by its status too.
  Answer NotExactlyOne() {
    if (!first_.status.ok()) {
      first_.status = Status(first_.status.code(), std::string(kNotExactlyOne));
      return std::move(first_);
    }
    std::string json = "{\"error\":";
    wire::AppendJsonText(kNotExactlyOne, &json);
    json += '}';
    Result<Buffer> segment = memory().Allocate(json.size());
    if (!segment.ok()) {
      return {Internal(std::string(kNotExactlyOne)), {}, {}};
    }
    std::memcpy(segment->data, json.data(), json.size());
    Answer answer;
    answer.segments.push_back(*std::move(segment));
    return answer;
  }

  const bool stream_;
  std::size_t count_ = 0;  // Without streaming: responses so far.
  Answer first_;
};

}  // namespace

std::unique_ptr<Responder> MakeGenerateResponder(CallPtr call, ServedModelPtr model, InferenceRequest* request,
                                                 RequestRecorder* recorder) {
  return std::make_unique<GenerateResponder>(std::move(call), std::move(model), request, recorder);
}

}  // namespace triton_lite
