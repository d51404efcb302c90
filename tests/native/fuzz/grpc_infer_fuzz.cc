// The decoders of ModelInferRequest and ModelInferResponse over any bytes, and the encoders over what they found.
#include <string>
#include <vector>

#include "core/datatype.h"
#include "fuzz.h"
#include "message_again.h"
#include "wire/infer_fields.h"
#include "wire/pb_reader.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

void CheckParameters(const std::vector<wire::NamedParameterView>& parameters, Bytes message) {
  for (const wire::NamedParameterView& parameter : parameters) {
    HOLDS(IsInside(parameter.name, message));
    if (const auto* text = std::get_if<std::string_view>(&parameter.value)) {
      HOLDS(IsInside(*text, message));
    }
  }
}

// What the decoder kept of the contents can be converted, whichever types validation might ask for.
void CheckContents(const wire::TypedContents& contents, Bytes message) {
  using namespace wire::contents_field;
  static constexpr std::pair<std::uint32_t, DataType> kTypes[] = {
      {kBool, DataType::kBool},   {kInt, DataType::kInt8},    {kInt, DataType::kInt32},     {kInt64, DataType::kInt64},
      {kUint, DataType::kUint16}, {kUint, DataType::kUint32}, {kUint64, DataType::kUint64}, {kFp32, DataType::kFp32},
      {kFp64, DataType::kFp64},   {kBytes, DataType::kBytes}};
  for (const auto& [field, records] : contents.fields) {
    HOLDS(field >= kBool && field <= kBytes && !records.empty() && IsInside(records, message));
  }
  for (const auto& [field, datatype] : kTypes) {
    const Result<std::string> raw = wire::TypedContentsToRaw(datatype, field, contents);
    HOLDS(raw.ok());
    const std::size_t width = ElementByteSize(datatype);
    HOLDS(width == 0 || raw->size() % width == 0);
    HOLDS(raw->size() <= 8 * message.size());
  }
}

void CheckRequest(Bytes message) {
  wire::InferRequestView view;
  if (!wire::DecodeInferRequest(message, &view, /*may_be_http=*/true).ok()) {
    return;
  }
  HOLDS(wire::IsWholeMessage(message));
  HOLDS(IsInside(view.model_name, message) && IsInside(view.model_version, message) && IsInside(view.id, message));
  CheckParameters(view.parameters, message);
  for (const wire::InferInputView& input : view.inputs) {
    HOLDS(IsInside(input.name, message) && IsInside(input.datatype, message));
    CheckParameters(input.parameters, message);
    CheckContents(input.contents, message);
    (void)ElementCount(input.shape);
  }
  for (const wire::InferOutputView& output : view.outputs) {
    HOLDS(IsInside(output.name, message));
    CheckParameters(output.parameters, message);
  }
  for (const Bytes raw : view.raw_input_contents) {
    HOLDS(IsInside(raw, message));
  }
  CheckEncodesAgain(view);
}

void CheckResponse(Bytes message) {
  wire::InferResponseView view;
  if (!wire::DecodeInferResponse(message, &view).ok()) {
    return;
  }
  HOLDS(IsInside(view.model_name, message) && IsInside(view.id, message));
  CheckParameters(view.parameters, message);
  for (const wire::InferOutputMeta& output : view.outputs) {
    HOLDS(IsInside(output.name, message) && IsInside(output.datatype, message));
    CheckParameters(output.parameters, message);
  }
  // Framed for gRPC it is the same head, in exactly the size that was said.
  const Bytes segments[] = {message.first(message.size() / 2), {}};
  for (const bool in_stream : {false, true}) {
    std::vector<std::byte> framed(wire::FramedSize(message, segments, in_stream));
    wire::WriteFramed(message, segments, in_stream, framed);
    HOLDS(wire::IsWholeMessage(framed));
    wire::InferResponseView again;
    if (!in_stream) {
      HOLDS(wire::DecodeInferResponse(framed, &again).ok());
      HOLDS(again.model_name == view.model_name && again.outputs.size() == view.outputs.size());
    }
  }
}

}  // namespace

FUZZ_TARGET(input) {
  const Bytes message = input.TakeRest();
  (void)wire::IsWholeMessage(message);
  CheckRequest(message);
  CheckResponse(message);
}
