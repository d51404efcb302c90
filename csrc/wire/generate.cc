#include "wire/generate.h"

#include <cstring>
#include <map>
#include <optional>
#include <unordered_set>
#include <utility>

#include "wire/json.h"
#include "wire/json_tensor.h"
#include "wire/json_writer.h"

namespace triton_lite::wire {
namespace {

// The one member of a request that is a mapping of its own: what it holds counts as if it stood beside it.
constexpr std::string_view kNested = "parameters";

Status Prefix(const std::string& words, const Status& status) {
  return status.ok() ? status : Status(status.code(), words + ": " + status.message());
}

Result<Buffer> CopyToHeap(std::string_view bytes) {
  if (bytes.empty()) {
    return Buffer{};
  }
  ASSIGN_OR_RETURN(Buffer buffer, AllocateHeap(bytes.size()));
  std::memcpy(buffer.data, bytes.data(), bytes.size());
  return buffer;
}

// The extension carries no shapes: the elements go to the fixed dimensions first, what is left to the innermost
// variable one. Nothing when they do not come out even.
std::optional<Shape> SpreadElements(const ModelSpec& spec, const TensorSpec& input, std::int64_t element_count) {
  Shape shape;
  if (spec.max_batch_size > 0) {
    shape.push_back(-1);
  }
  for (const std::int64_t dim : input.dims) {
    shape.push_back(dim);
    if (dim >= 0 && (dim == 0 || element_count % dim != 0)) {
      return std::nullopt;
    }
    element_count = dim > 0 ? element_count / dim : element_count;
  }
  for (std::size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == -1) {
      shape[i] = std::exchange(element_count, 1);
    }
  }
  return element_count == 1 ? std::optional(shape) : std::nullopt;
}

class RequestReader {
 public:
  RequestReader(const ModelSpec& spec, InferenceRequest* request) : spec_(spec), request_(request) {}

  Status Read(const JsonValue& root) {
    if (const auto id = root.Find("id")) {
      const Result<std::string_view> text = id->AsText();
      RETURN_IF_ERROR(Prefix("Unable to parse 'id'", text.status()));
      request_->id = text.value().substr(0, text.value().find('\0'));
    }
    if (!root.IsObject()) {
      return Internal("attempt to get members for non-object");
    }
    return ReadMembers(root, /*nested=*/false);
  }

 private:
  Status ReadMembers(const JsonValue& object, bool nested) {
    for (JsonValue key = object.first(); key != object.end(); key = key.next().next()) {
      ASSIGN_OR_RETURN(const std::string_view name, key.AsText());
      const JsonValue value = key.next();
      RETURN_IF_ERROR(!nested && name == kNested ? ReadNested(value) : ReadMember(std::string(name), value));
    }
    return {};
  }

  Status ReadNested(const JsonValue& value) {
    const std::string name(kNested);
    if (spec_.FindInput(name) != nullptr) {
      return InvalidArgument("Keyword '" + name + "' for nested schema also given as input tensor name");
    }
    if (!value.IsObject()) {
      return Internal("Expected JSON object for keyword: '" + name + "': attempt to access JSON non-object as object");
    }
    return Prefix("Converting keyword: '" + name + "'", ReadMembers(value, /*nested=*/true));
  }

  Status ReadMember(std::string name, const JsonValue& value) {
    const TensorSpec* const input = spec_.FindInput(name);
    return input == nullptr ? ReadParameter(std::move(name), value) : ReadInput(*input, value);
  }

  // A name that comes twice means its first value, as a lookup would find it.
  Status ReadParameter(std::string name, const JsonValue& value) {
    if (!parameter_names_.insert(name).second) {
      return {};
    }
    if (value.IsString()) {
      ASSIGN_OR_RETURN(const std::string_view text, value.AsText());
      request_->parameters.Append(std::move(name), std::string(text));
    } else if (value.IsInt()) {
      ASSIGN_OR_RETURN(const std::int64_t number, value.AsInt());
      request_->parameters.Append(std::move(name), number);
    } else if (value.IsBool()) {
      ASSIGN_OR_RETURN(const bool boolean, value.AsBool());
      request_->parameters.Append(std::move(name), boolean);
    } else if (value.IsNumber()) {
      ASSIGN_OR_RETURN(const double number, value.AsDouble());
      request_->parameters.Append(std::move(name), number);
    } else {
      return InvalidArgument("parameter '" + name +
                             "' has invalid type. It should be either 'int', 'bool', or 'string'.");
    }
    return {};
  }

  Status ReadInput(const TensorSpec& input, const JsonValue& value) {
    for (const InputTensor& other : request_->inputs) {
      if (other.name == input.name) {
        return InvalidArgument("input '" + input.name + "' already exists in request");
      }
    }
    const std::int64_t element_count = value.IsArray() ? static_cast<std::int64_t>(value.size()) : 1;
    std::string bytes;
    std::int64_t converted = 0;
    // Texts are looked at before the shape, numbers after it.
    if (input.datatype == DataType::kBytes) {
      RETURN_IF_ERROR(ConvertNodes(input.datatype, value, element_count, &bytes, &converted));
    }
    const std::optional<Shape> shape = SpreadElements(spec_, input, element_count);
    if (!shape) {
      return InvalidArgument("The schema can not convert input '" + input.name + "' to tensor with proper shape");
    }
    if (input.datatype != DataType::kBytes) {
      RETURN_IF_ERROR(ConvertNumbers(input, value, element_count, &bytes));
    }
    ASSIGN_OR_RETURN(Buffer data, CopyToHeap(bytes));
    request_->inputs.push_back({input.name, input.datatype, *shape, std::move(data), {}});
    return {};
  }

  static Status ConvertNumbers(const TensorSpec& input, const JsonValue& value, std::int64_t element_count,
                               std::string* bytes) {
    if (input.datatype == DataType::kFp16 || input.datatype == DataType::kBf16) {
      return InvalidArgument("receiving " + std::string(DataTypeName(input.datatype)) +
                             " data via JSON is not supported. Please use the binary data format for input " +
                             input.name);
    }
    std::int64_t converted = 0;
    RETURN_IF_ERROR(ConvertNodes(input.datatype, value, element_count, bytes, &converted));
    return converted == element_count ? Status()
                                      : Internal("Failed to parse 'data' field: shape does not match true shape");
  }

  const ModelSpec& spec_;
  InferenceRequest* const request_;
  std::unordered_set<std::string> parameter_names_;
};

// Members by name, as Triton writes them; of a name that comes twice the first counts.
using Members = std::map<std::string_view, std::string>;

std::string TextMember(std::string_view text) {
  std::string json;
  AppendJsonText(text, &json);
  return json;
}

std::string ParameterMember(const ParameterValue& value) {
  std::string json;
  if (const auto* boolean = std::get_if<bool>(&value)) {
    json = *boolean ? "true" : "false";
  } else if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    AppendJsonInt(*integer, &json);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value)) {
    AppendJsonUint(*natural, &json);
  } else if (const auto* real = std::get_if<double>(&value)) {
    AppendJsonDouble(*real, &json);
  } else {
    AppendJsonText(std::get<std::string>(value), &json);
  }
  return json;
}

Result<std::string> TensorMember(const OutputTensor& output) {
  const std::int64_t element_count = ElementCount(output.shape).value_or(-1);
  std::string json;
  RETURN_IF_ERROR(AppendJsonTensor(output.name, output.datatype, element_count, output.data.bytes(), &json));
  return element_count == 1 ? json.substr(1, json.size() - 2) : json;  // One element stands without its array.
}

}  // namespace

Status DecodeGenerate(const ModelSpec& spec, std::string_view json, InferenceRequest* request) {
  JsonDocument document;
  RETURN_IF_ERROR(ParseJson(json, JsonTensors::kNone, &document));
  return RequestReader(spec, request).Read(Root(document));
}

Result<std::string> EncodeGenerate(const ModelSpec& spec, const InferenceRequest& request,
                                   const InferenceResponse& response) {
  Members members;
  if (!request.id.empty()) {
    members.emplace("id", TextMember(request.id));
  }
  members.emplace("model_name", TextMember(spec.name));
  members.emplace("model_version", TextMember(std::to_string(request.model_version)));
  for (const auto& [name, value] : response.parameters) {
    members.emplace(name, ParameterMember(value));
  }
  for (const OutputTensor& output : response.outputs) {
    ASSIGN_OR_RETURN(std::string tensor, TensorMember(output));
    members.emplace(output.name, std::move(tensor));
  }
  std::string json;
  for (const auto& [name, value] : members) {
    json.push_back(json.empty() ? '{' : ',');
    AppendJsonText(name, &json);
    json.push_back(':');
    json += value;
  }
  json.push_back('}');
  return json;
}

}  // namespace triton_lite::wire
