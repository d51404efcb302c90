#include <algorithm>

#include "wire/http_infer.h"
#include "wire/infer_message.h"
#include "wire/json_writer.h"

namespace triton_lite::wire {
namespace {

struct JsonParameterWriter {
  std::string* json;

  void operator()(std::monostate) const { *json += "null"; }
  void operator()(bool value) const { *json += value ? "true" : "false"; }
  void operator()(std::int64_t value) const { AppendJsonInt(value, json); }
  void operator()(std::uint64_t value) const { AppendJsonUint(value, json); }
  void operator()(double value) const { AppendJsonDouble(value, json); }
  void operator()(std::string_view value) const { AppendJsonText(value, json); }
};

void AppendMember(std::string_view name, std::string_view text, std::string* json) {
  AppendJsonText(name, json);
  json->push_back(':');
  AppendJsonText(text, json);
}

// In the order of the message; a name that comes twice stays twice, as in Triton.
void AppendParameters(const std::vector<NamedParameterView>& parameters, std::string* json) {
  *json += "\"parameters\":{";
  for (const NamedParameterView& parameter : parameters) {
    AppendJsonText(parameter.name, json);
    json->push_back(':');
    std::visit(JsonParameterWriter{json}, parameter.value);
    json->push_back(',');
  }
  json->back() = '}';
}

void AppendShape(const Shape& shape, std::string* json) {
  *json += "\"shape\":[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) {
      json->push_back(',');
    }
    AppendJsonInt(shape[i], json);
  }
  json->push_back(']');
}

Status AppendOutput(const InferOutputMeta& output, Bytes data, OutputForm form, HttpInferAnswer* answer) {
  std::string* json = &answer->json;
  json->push_back('{');
  AppendMember("name", output.name, json);
  json->push_back(',');
  AppendMember("datatype", output.datatype, json);
  json->push_back(',');
  AppendShape(output.shape, json);
  if (form == OutputForm::kBinary) {
    *json += ",\"parameters\":{\"binary_data_size\":";
    AppendJsonUint(data.size(), json);
    json->push_back('}');
    if (!data.empty()) {
      answer->tail.push_back(data);
      answer->has_binary = true;
    }
  } else if (form == OutputForm::kJson) {
    *json += ",\"data\":";
    RETURN_IF_ERROR(AppendJsonTensor(output.name, ParseDataType(output.datatype),
                                     ElementCount(output.shape).value_or(-1), data, json));
  }
  json->push_back('}');
  return {};
}

}  // namespace

OutputForm ResponseFormat::FormOf(std::string_view output) const {
  for (const auto& [name, form] : named) {
    if (name == output) {
      return form;
    }
  }
  return otherwise;
}

Status EncodeHttpInfer(Bytes message, std::span<const Bytes> segments, const ResponseFormat& format,
                       HttpInferAnswer* answer) {
  InferResponseView response;
  RETURN_IF_ERROR(DecodeInferResponse(message, &response));
  if (segments.size() != response.outputs.size()) {
    return Internal("the answer has " + std::to_string(response.outputs.size()) + " outputs but " +
                    std::to_string(segments.size()) + " segments");
  }
  std::string* json = &answer->json;
  json->push_back('{');
  if (!response.id.empty()) {
    AppendMember("id", response.id, json);
    json->push_back(',');
  }
  AppendMember("model_name", response.model_name, json);
  json->push_back(',');
  AppendMember("model_version", response.model_version, json);
  json->push_back(',');
  if (!response.parameters.empty()) {
    AppendParameters(response.parameters, json);
    json->push_back(',');
  }
  *json += "\"outputs\":[";
  for (std::size_t i = 0; i < response.outputs.size(); ++i) {
    if (i > 0) {
      json->push_back(',');
    }
    const InferOutputMeta& output = response.outputs[i];
    RETURN_IF_ERROR(AppendOutput(output, segments[i], format.FormOf(output.name), answer));
  }
  *json += "]}";
  return {};
}

std::size_t HttpInferAnswer::byte_size() const {
  std::size_t size = json.size();
  for (Bytes run : tail) {
    size += run.size();
  }
  return size;
}

void HttpInferAnswer::Write(char* out) const {
  out = std::copy(json.begin(), json.end(), out);
  for (Bytes run : tail) {
    const std::string_view text = AsText(run);
    out = std::copy(text.begin(), text.end(), out);
  }
}

}  // namespace triton_lite::wire
