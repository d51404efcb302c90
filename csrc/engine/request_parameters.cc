#include "engine/request_parameters.h"

#include <string>
#include <string_view>
#include <type_traits>

#include "engine/quoted.h"

namespace triton_lite {
namespace {

constexpr std::size_t kLongestSequenceId = 128;

using wire::NamedParameterView;
using wire::ParameterView;

Status WrongType(std::string_view name, std::string_view expected) {
  return InvalidArgument("invalid value type for " + Quoted(name) + " parameter, expected " + std::string(expected) +
                         ".");
}

Status SetSequenceId(const ParameterView& value, InferenceRequest* request) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    request->correlation_id = static_cast<std::uint64_t>(*number);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    if (text->size() > kLongestSequenceId) {
      return Unimplemented("string correlation ID cannot be longer than 128 characters");
    }
    request->correlation_id = std::string(*text);
  } else {
    return WrongType("sequence_id", "int64_param or string_param");
  }
  return {};
}

Status SetFlag(std::string_view name, const ParameterView& value, std::uint32_t flag, InferenceRequest* request) {
  const auto* set = std::get_if<bool>(&value);
  if (set == nullptr) {
    return WrongType(name, "bool_param");
  }
  request->flags |= *set ? flag : 0;
  return {};
}

Status SetPriority(const ParameterView& value, InferenceRequest* request) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    if (*number < 0) {
      return InvalidArgument("invalid value for 'priority', expected value >= 0.");
    }
    request->priority = static_cast<std::uint64_t>(*number);
  } else if (const auto* unsigned_number = std::get_if<std::uint64_t>(&value)) {
    request->priority = *unsigned_number;
  } else {
    return WrongType("priority", "int64_param or uint64_param");
  }
  return {};
}

Status SetTimeout(const ParameterView& value, InferenceRequest* request) {
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr) {
    return WrongType("timeout", "int64_param");
  }
  request->timeout_microseconds = static_cast<std::uint64_t>(*number);
  return {};
}

Status SetReserved(std::string_view name, const ParameterView& value, CallOptions* options) {
  if (name != "triton_enable_empty_final_response") {
    return InvalidArgument(
        "parameter keys starting with 'triton_' are reserved for Triton usage. Only the following keys starting with "
        "'triton_' are allowed: triton_enable_empty_final_response");
  }
  const auto* set = std::get_if<bool>(&value);
  if (set == nullptr) {
    return WrongType(name, "bool_param");
  }
  options->empty_final_response = *set;
  return {};
}

Status SetFree(std::string_view name, const ParameterView& value, InferenceRequest* request) {
  std::string key(name);
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    request->parameters.Set(std::move(key), *number);
  } else if (const auto* set = std::get_if<bool>(&value)) {
    request->parameters.Set(std::move(key), *set);
  } else if (const auto* text = std::get_if<std::string_view>(&value)) {
    request->parameters.Set(std::move(key), std::string(*text));
  } else if (const auto* real = std::get_if<double>(&value)) {
    request->parameters.Set(std::move(key), *real);
  } else {
    return WrongType(name, "int64_param, bool_param, or string_param");
  }
  return {};
}

Status ApplyOne(const NamedParameterView& parameter, InferenceRequest* request, CallOptions* options) {
  const auto& [name, value] = parameter;
  if (name == "sequence_id") {
    return SetSequenceId(value, request);
  }
  if (name == "sequence_start") {
    return SetFlag(name, value, kSequenceStart, request);
  }
  if (name == "sequence_end") {
    return SetFlag(name, value, kSequenceEnd, request);
  }
  if (name == "priority") {
    return SetPriority(value, request);
  }
  if (name == "timeout") {
    return SetTimeout(value, request);
  }
  if (name.starts_with("triton_")) {
    return SetReserved(name, value, options);
  }
  return SetFree(name, value, request);
}

}  // namespace

Status ApplyRequestParameters(std::span<const NamedParameterView> parameters, InferenceRequest* request,
                              CallOptions* options) {
  for (const NamedParameterView& parameter : parameters) {
    RETURN_IF_ERROR(ApplyOne(parameter, request, options));
  }
  return {};
}

}  // namespace triton_lite
