#include "model_process/infer_message.h"

#include <string_view>
#include <utility>

#include "model_process/parameters_json.h"
#include "wire/json.h"

namespace triton_lite::model_process {
namespace {

struct Texts {
  std::string_view model;
  std::string_view id;
  std::string_view correlation;
  std::string_view parameters;
  std::string_view outputs;
  std::string_view trace;
};

bool ReadTexts(const InferRecord& record, BodyReader* reader, Texts* texts) {
  return reader->ReadText(record.model_length, &texts->model) && reader->ReadText(record.id_length, &texts->id) &&
         reader->ReadText(record.correlation_length, &texts->correlation) &&
         reader->ReadText(record.parameters_length, &texts->parameters) &&
         reader->ReadText(record.outputs_length, &texts->outputs) &&
         reader->ReadText(record.trace_length, &texts->trace) && reader->SkipPadding();
}

Status AddOutputs(std::string_view json, InferenceRequest* request) {
  if (json.empty()) {
    return {};
  }
  wire::JsonDocument document;
  RETURN_IF_ERROR(wire::ParseJson(json, wire::JsonTensors::kNone, &document));
  const wire::JsonValue names = wire::Root(document);
  if (!names.IsArray()) {
    return Malformed();
  }
  for (wire::JsonValue name = names.first(); name != names.end(); name = name.next()) {
    ASSIGN_OR_RETURN(const std::string_view text, name.AsText());
    request->outputs.emplace_back().name = text;
  }
  return {};
}

Status AddInput(const TensorView& tensor, Bytes body, const RemoteMemory& memory, const Lane& lane,
                InferenceRequest* request) {
  ASSIGN_OR_RETURN(Buffer data, FetchTensor(tensor, body, memory, lane, AllocateHeap));
  request->inputs.push_back({.name = std::string(tensor.name),
                             .datatype = tensor.datatype,
                             .shape = tensor.shape,
                             .data = std::move(data),
                             .model_shape = {}});
  return {};
}

}  // namespace

Result<InferCall> ReadInfer(Bytes body, const RemoteMemory& memory, const Lane& lane) {
  BodyReader reader(body);
  InferRecord record;
  Texts texts;
  if (!reader.Read(&record) || !ReadTexts(record, &reader, &texts)) {
    return Malformed();
  }
  InferCall call;
  call.parent_key = record.parent_key;
  call.model_name = texts.model;
  call.version = record.version;
  call.decoupled = record.decoupled != 0;
  call.traced = (record.flags & kJoinsTrace) != 0;
  call.request = std::make_unique<InferenceRequest>();
  InferenceRequest& request = *call.request;
  request.id = texts.id;
  if (texts.correlation.empty()) {
    request.correlation_id = record.correlation_number;
  } else {
    request.correlation_id = std::string(texts.correlation);
  }
  request.flags = record.flags & (kSequenceStart | kSequenceEnd);
  request.priority = record.priority;
  request.timeout_microseconds = record.timeout_microseconds;
  ASSIGN_OR_RETURN(request.parameters, ParametersFromJson(texts.parameters));
  RETURN_IF_ERROR(AddOutputs(texts.outputs, &request));
  TensorView tensor;
  for (std::uint32_t i = 0; i < record.input_count; ++i) {
    if (!reader.ReadTensor(&tensor)) {
      return Malformed();
    }
    RETURN_IF_ERROR(AddInput(tensor, body, memory, lane, &request));
  }
  return call;
}

}  // namespace triton_lite::model_process
