#include <algorithm>
#include <charconv>
#include <unordered_map>

#include "wire/http_infer.h"
#include "wire/http_input.h"
#include "wire/infer_message.h"
#include "wire/request_id.h"

namespace triton_lite::wire {
namespace {

constexpr std::string_view kReservedHeaders[] = {"sequence_id", "sequence_start", "sequence_end",      "priority",
                                                 "timeout",     "headers",        "binary_data_output"};

// Names that mean something to the protocol, with their type. sequence_id is either of two.
enum class Rule : std::uint8_t { kSequenceId, kBool, kUint, kOutputForm, kReserved, kCustom };

Rule RuleOf(std::string_view name) {
  if (name == "sequence_id") {
    return Rule::kSequenceId;
  }
  if (name == "sequence_start" || name == "sequence_end") {
    return Rule::kBool;
  }
  if (name == "priority" || name == "timeout") {
    return Rule::kUint;
  }
  if (name == "binary_data_output") {
    return Rule::kOutputForm;
  }
  return name.starts_with("triton_") ? Rule::kReserved : Rule::kCustom;
}

// The bits of an unsigned value in the parameter that gRPC clients use for it.
ParameterValue SameBits(std::uint64_t value) { return static_cast<std::int64_t>(value); }

Result<ParameterValue> CustomParameter(std::string_view name, const std::optional<JsonValue>& value) {
  if (!value) {
    return Internal("parameter key '" + std::string(name) + "' was not found in the JSON");
  }
  if (value->IsString()) {
    return ParameterValue(std::string(UpToNul(*value->AsText())));
  }
  if (value->IsInt()) {
    return ParameterValue(*value->AsInt());
  }
  if (value->IsBool()) {
    return ParameterValue(*value->AsBool());
  }
  if (value->IsNumber()) {
    return ParameterValue(*value->AsDouble());
  }
  return InvalidArgument("parameter '" + std::string(name) +
                         "' has invalid type. It should be either 'int', 'bool', or 'string'.");
}

Result<ParameterValue> SequenceId(const Result<JsonValue>& value) {
  if (value.ok()) {
    if (const Result<std::uint64_t> number = value->AsUint(); number.ok()) {
      return SameBits(*number);
    }
  }
  Result<std::string_view> text = value.ok() ? value->AsText() : Result<std::string_view>(value.status());
  RETURN_IF_ERROR(Labelled("Unable to parse 'sequence_id'", text.status()));
  return ParameterValue(std::string(UpToNul(*text)));
}

// The request's "parameters": what the engine gets, and the form of outputs that are not named.
class ParameterReader {
 public:
  ParameterReader(NamedValues* parameters, ResponseFormat* format) : parameters_(parameters), format_(format) {}

  Status Read(const JsonValue& object) {
    if (!object.IsObject()) {
      return Internal("failed to get request params.: attempt to get members for non-object");
    }
    // The first of a name counts. A table, because a client may send very many.
    std::unordered_map<std::string_view, JsonValue> first;
    std::vector<std::string_view> names;
    for (JsonValue key = object.first(); key != object.end();) {
      const JsonValue value = key.next();
      const std::string_view name = *key.AsText();
      if (first.emplace(name, value).second) {
        names.push_back(UpToNul(name));
      }
      key = value.next();
    }
    for (std::string_view name : names) {
      const auto found = first.find(name);
      RETURN_IF_ERROR(ReadOne(name, found == first.end() ? std::nullopt : std::optional(found->second)));
    }
    return {};
  }

 private:
  Status ReadOne(std::string_view name, const std::optional<JsonValue>& value) {
    const std::string label = "Unable to parse '" + std::string(name) + "'";
    const Result<JsonValue> member =
        value ? Result<JsonValue>(*value)
              : Result<JsonValue>(Internal("attempt to access non-existing object member '" + std::string(name) + "'"));
    switch (RuleOf(name)) {
      case Rule::kSequenceId: {
        ASSIGN_OR_RETURN(ParameterValue id, SequenceId(member));
        Set(name, std::move(id));
        return {};
      }
      case Rule::kBool:
      case Rule::kOutputForm: {
        RETURN_IF_ERROR(Labelled(label, member.status()));
        const Result<bool> flag = member->AsBool();
        RETURN_IF_ERROR(Labelled(label, flag.status()));
        SetFlag(name, *flag);
        return {};
      }
      case Rule::kUint: {
        RETURN_IF_ERROR(Labelled(label, member.status()));
        const Result<std::uint64_t> number = member->AsUint();
        RETURN_IF_ERROR(Labelled(label, number.status()));
        Set(name, name == "priority" ? ParameterValue(*number) : SameBits(*number));
        return {};
      }
      case Rule::kReserved:
        return InvalidArgument(
            "parameter keys starting with 'triton_' are reserved for Triton usage and should not be specified.");
      case Rule::kCustom:
        break;
    }
    ASSIGN_OR_RETURN(ParameterValue custom, CustomParameter(name, value));
    Set(name, std::move(custom));
    return {};
  }

  void SetFlag(std::string_view name, bool flag) {
    if (RuleOf(name) == Rule::kOutputForm) {
      format_->otherwise = flag ? OutputForm::kBinary : OutputForm::kJson;
    } else {
      Set(name, flag);
    }
  }

  // Names are distinct but for ones cut at a NUL, which never get here: no search for an earlier one is needed.
  void Set(std::string_view name, ParameterValue value) { parameters_->emplace_back(name, std::move(value)); }

  NamedValues* parameters_;
  ResponseFormat* format_;
};

// Headers come last: one of the name of a parameter takes its place.
Status AddForwardedHeaders(std::span<const std::pair<std::string, std::string>> headers, NamedValues* parameters) {
  for (const auto& [name, value] : headers) {
    if (std::find(std::begin(kReservedHeaders), std::end(kReservedHeaders), name) != std::end(kReservedHeaders) ||
        name.starts_with("triton_")) {
      return InvalidArgument("Header '" + name + "' is reserved for Triton usage and cannot be forwarded.");
    }
    parameters->emplace_back(name, value);
  }
  return {};
}

Status ReadId(const JsonValue& root, std::string_view* id) {
  const std::optional<JsonValue> member = root.Find("id");
  if (!member) {
    return {};
  }
  const Result<std::string_view> text = member->AsText();
  RETURN_IF_ERROR(Labelled("Unable to parse 'id'", text.status()));
  *id = UpToNul(*text);
  return {};
}

Status DecodeRaw(const HttpInferRequest& request, HttpInferCall* call) {
  if (request.max_input_byte_size != 0 && request.body.size() > request.max_input_byte_size) {
    return InvalidArgument("Raw input has a byte_size (" + std::to_string(request.body.size()) +
                           " bytes) that exceeds the maximum allowed value of " +
                           std::to_string(request.max_input_byte_size) +
                           " bytes. Use --http-max-input-size to increase the limit.");
  }
  NamedValues parameters;
  RETURN_IF_ERROR(AddForwardedHeaders(request.forwarded, &parameters));
  InferRequestBuilder builder;
  builder.from_http = true;
  builder.model_name = request.model_name;
  builder.model_version = request.model_version;
  builder.parameters = parameters;
  call->raw_binary = true;
  call->message = EncodeInferRequest(builder);
  call->segments.push_back(request.body);
  call->format.otherwise = OutputForm::kBinary;
  return {};
}

Status DecodeJson(const HttpInferRequest& request, std::size_t json_size, HttpInferCall* call) {
  if (request.max_input_byte_size != 0 && json_size > request.max_input_byte_size) {
    return InvalidArgument(
        "request JSON size of " + std::to_string(json_size) + " bytes exceeds the maximum allowed input size of " +
        std::to_string(request.max_input_byte_size) + " bytes. Use --http-max-input-size to increase the limit.");
  }
  JsonDocument document;
  RETURN_IF_ERROR(ParseJson(AsText(request.body.first(json_size)), JsonTensors::kInferInputs, &document));
  const JsonValue root = Root(document);
  InferRequestBuilder builder;
  builder.from_http = true;
  builder.model_name = request.model_name;
  builder.model_version = request.model_version;
  RETURN_IF_ERROR(ReadId(root, &builder.id));
  NamedValues parameters;
  if (const std::optional<JsonValue> object = root.Find("parameters")) {
    RETURN_IF_ERROR(ParameterReader(&parameters, &call->format).Read(*object));
  }
  TensorReader tensors({request.model_name, request.max_input_byte_size}, &document, request.body.subspan(json_size),
                       call);
  RETURN_IF_ERROR(tensors.ReadInputs(root));
  RETURN_IF_ERROR(tensors.ReadOutputs(root));
  RETURN_IF_ERROR(AddForwardedHeaders(request.forwarded, &parameters));
  builder.parameters = parameters;
  call->message = tensors.Encode(builder);
  if (FitsHeader(builder.id)) {
    call->header_id = builder.id;
  }
  return {};
}

Status HeaderLengthError(std::size_t body_byte_size, std::string_view text) {
  return InvalidArgument("inference header size should be in range (0, " + std::to_string(body_byte_size) +
                         "), got: " + std::string(text));
}

}  // namespace

Result<std::size_t> ParseHeaderLength(std::optional<std::string_view> header_length, std::size_t body_byte_size) {
  if (!header_length) {
    return body_byte_size;
  }
  // As stoi: white space, a sign, digits, and whatever follows them. Nothing at all is 0.
  std::string_view text = *header_length;
  if (text.empty()) {
    return std::size_t{0};
  }
  text.remove_prefix(std::min(text.find_first_not_of(" \t\n\v\f\r"), text.size()));
  const bool plus = text.starts_with('+');
  text.remove_prefix(plus ? 1 : 0);
  std::int64_t value = 0;
  const std::from_chars_result result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec == std::errc::invalid_argument || (plus && text.starts_with('-'))) {
    return InvalidArgument("Unable to parse Inference-Header-Content-Length, got: " + std::string(*header_length));
  }
  if (result.ec != std::errc() || value < 0 || static_cast<std::uint64_t>(value) > body_byte_size) {
    return HeaderLengthError(body_byte_size, *header_length);
  }
  return static_cast<std::size_t>(value);
}

Status DecodeHttpInfer(const HttpInferRequest& request, HttpInferCall* call) {
  ASSIGN_OR_RETURN(const std::size_t json_size, ParseHeaderLength(request.header_length, request.body.size()));
  return json_size == 0 ? DecodeRaw(request, call) : DecodeJson(request, json_size, call);
}

}  // namespace triton_lite::wire
