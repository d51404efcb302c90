#include "model_process/parameters_json.h"

#include "wire/json.h"
#include "wire/json_writer.h"

namespace triton_lite::model_process {
namespace {

struct Append {
  std::string* out;

  void operator()(bool value) const { out->append(value ? "true" : "false"); }
  void operator()(std::int64_t value) const { wire::AppendJsonInt(value, out); }
  void operator()(std::uint64_t value) const { wire::AppendJsonUint(value, out); }
  void operator()(double value) const { wire::AppendJsonDouble(value, out); }
  void operator()(const std::string& value) const { wire::AppendJsonText(value, out); }
};

Result<ParameterValue> ToParameter(const wire::JsonValue& value) {
  if (value.IsString()) {
    ASSIGN_OR_RETURN(const std::string_view text, value.AsText());
    return ParameterValue(std::string(text));
  }
  if (value.IsBool()) {
    ASSIGN_OR_RETURN(const bool flag, value.AsBool());
    return ParameterValue(flag);
  }
  if (value.IsInt()) {
    ASSIGN_OR_RETURN(const std::int64_t number, value.AsInt());
    return ParameterValue(number);
  }
  if (value.type() == wire::JsonType::kUint) {
    ASSIGN_OR_RETURN(const std::uint64_t number, value.AsUint());
    return ParameterValue(number);
  }
  if (value.IsNumber()) {
    ASSIGN_OR_RETURN(const double number, value.AsDouble());
    return ParameterValue(number);
  }
  return InvalidArgument("Unsupported value type on parameters");
}

}  // namespace

std::string ToJson(const Parameters& parameters) {
  std::string json = "{";
  for (const auto& [name, value] : parameters) {
    json.append(json.size() > 1 ? "," : "");
    wire::AppendJsonText(name, &json);
    json.push_back(':');
    std::visit(Append{&json}, value);
  }
  json.push_back('}');
  return json;
}

Result<Parameters> ParametersFromJson(std::string_view json) {
  Parameters parameters;
  if (json.empty()) {
    return parameters;
  }
  wire::JsonDocument document;
  RETURN_IF_ERROR(wire::ParseJson(json, wire::JsonTensors::kNone, &document));
  const wire::JsonValue root = wire::Root(document);
  if (!root.IsObject()) {
    return InvalidArgument("parameters are expected to be an object");
  }
  for (wire::JsonValue name = root.first(); name != root.end();) {
    const wire::JsonValue value = name.next();
    ASSIGN_OR_RETURN(const std::string_view text, name.AsText());
    ASSIGN_OR_RETURN(ParameterValue parameter, ToParameter(value));
    parameters.Set(std::string(text), std::move(parameter));
    name = value.next();
  }
  return parameters;
}

}  // namespace triton_lite::model_process
