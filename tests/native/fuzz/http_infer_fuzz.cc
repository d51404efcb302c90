// HTTP inference: a body and its header to a message and segments, then an answer of the same tensors to JSON and back.
//
// The input: a byte of options; where they say so, the value of Inference-Header-Content-Length up to a line break, or
// how many bytes of the body are its binary tail; then the body.
#include <string>
#include <vector>

#include "fuzz.h"
#include "message_again.h"
#include "wire/http_infer.h"
#include "wire/json.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

enum Option : std::uint8_t { kHeaderText = 1, kTail = 2, kLimited = 4, kForwarded = 8 };
constexpr std::uint64_t kLimit = 64;

void CheckSegments(const wire::HttpInferCall& call, const wire::InferRequestView& view, Bytes body) {
  std::size_t in_regions = 0;
  for (const wire::InferInputView& input : view.inputs) {
    for (const wire::NamedParameterView& parameter : input.parameters) {
      in_regions += parameter.name == "shared_memory_region" ? 1 : 0;
    }
  }
  HOLDS(call.segments.size() == (call.raw_binary ? 1 : view.inputs.size() - in_regions));
  for (const Bytes segment : call.segments) {
    Touch(segment);
    bool found = IsInside(segment, body);
    for (const std::string& owned : call.owned) {
      found = found || IsInside(segment, AsBytes(owned));
    }
    HOLDS(found);
  }
}

// An answer that has the inputs for outputs, in the form that the request asks for.
void CheckAnswer(const wire::HttpInferCall& call, const wire::InferRequestView& view) {
  if (call.raw_binary || call.segments.size() != view.inputs.size()) {
    return;
  }
  std::vector<OutputTensor> outputs;
  for (const wire::InferInputView& input : view.inputs) {
    outputs.push_back({std::string(input.name), ParseDataType(input.datatype), input.shape, {}});
  }
  wire::ResponseHead head;
  head.model_name = view.model_name;
  head.id = view.id;
  head.outputs = outputs;
  const std::string message = wire::EncodeInferResponse(head);
  wire::HttpInferAnswer answer;
  if (!wire::EncodeHttpInfer(AsBytes(message), call.segments, call.format, &answer).ok()) {
    return;  // Bytes that are no tensor of that type.
  }
  wire::JsonDocument document;
  HOLDS(wire::ParseJson(answer.json, wire::JsonTensors::kNone, &document).ok());
  const auto listed = wire::Root(document).Find("outputs");
  HOLDS(listed && listed->size() == outputs.size());
  std::size_t tail = 0;
  for (const Bytes part : answer.tail) {
    tail += part.size();
  }
  HOLDS(answer.has_binary == (tail > 0));
}

}  // namespace

FUZZ_TARGET(input) {
  const auto options = input.Take<std::uint8_t>();
  std::string length;
  wire::HttpInferRequest request;
  std::uint8_t tail = 0;
  if ((options & kHeaderText) != 0) {
    length = input.TakeLine();
  } else if ((options & kTail) != 0) {
    tail = input.Take<std::uint8_t>();
  }
  const Bytes body = input.TakeRest();
  if ((options & kTail) != 0 && length.empty()) {
    length = std::to_string(body.size() - std::min<std::size_t>(tail, body.size()));
  }
  if ((options & (kHeaderText | kTail)) != 0) {
    request.header_length = length;
  }
  const std::vector<std::pair<std::string, std::string>> forwarded = {{"x-header", "value"}};
  request.forwarded = forwarded;
  if ((options & kForwarded) == 0) {
    request.forwarded = {};
  }
  request.model_name = "model";
  request.body = body;
  request.max_input_byte_size = (options & kLimited) != 0 ? kLimit : 0;

  wire::HttpInferCall call;
  const Status status = wire::DecodeHttpInfer(request, &call);
  const Result<std::size_t> json_size = wire::ParseHeaderLength(request.header_length, body.size());
  HOLDS(!json_size.ok() || *json_size <= body.size());
  if (!status.ok()) {
    HOLDS(!status.message().empty());
    return;
  }
  HOLDS(json_size.ok());
  wire::InferRequestView view;
  HOLDS(wire::DecodeInferRequest(AsBytes(call.message), &view, /*may_be_http=*/true).ok());
  HOLDS(view.from_http && view.model_name == "model");
  CheckEncodesAgain(view);
  CheckSegments(call, view, body);
  CheckAnswer(call, view);
}
