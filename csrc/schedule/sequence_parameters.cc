#include "schedule/sequence_parameters.h"

#include <string>

namespace triton_lite {
namespace {

constexpr char kSequenceId[] = "sequence_id";
constexpr char kSequenceStartName[] = "sequence_start";
constexpr char kSequenceEndName[] = "sequence_end";

Status ReadId(const ParameterValue& value, CorrelationId* id) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) {
    *id = static_cast<std::uint64_t>(*number);
  } else if (const auto* natural = std::get_if<std::uint64_t>(&value)) {
    *id = *natural;
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    *id = *text;
  } else {
    return InvalidArgument(
        "expected parameter 'sequence_id' to be TRITONSERVER_PARAMETER_INT or TRITONSERVER_PARAMETER_STRING");
  }
  return {};
}

Status ReadFlag(const char* name, const ParameterValue& value, std::uint32_t flag, std::uint32_t* flags) {
  const auto* set = std::get_if<bool>(&value);
  if (set == nullptr) {
    return InvalidArgument("expect parameter '" + std::string(name) + "' to be TRITONSERVER_PARAMETER_BOOL");
  }
  *flags |= *set ? flag : 0;
  return {};
}

}  // namespace

Result<SequenceMark> ReadSequenceMark(const Parameters& response, const SequenceMark& request_mark) {
  const ParameterValue* id = response.Find(kSequenceId);
  const ParameterValue* start = response.Find(kSequenceStartName);
  const ParameterValue* end = response.Find(kSequenceEndName);
  if (id == nullptr && start == nullptr && end == nullptr) {
    return request_mark;
  }
  SequenceMark mark{request_mark.correlation_id, 0};
  if (id != nullptr) {
    RETURN_IF_ERROR(ReadId(*id, &mark.correlation_id));
  }
  if (start != nullptr) {
    RETURN_IF_ERROR(ReadFlag(kSequenceStartName, *start, kSequenceStart, &mark.flags));
  }
  if (end != nullptr) {
    RETURN_IF_ERROR(ReadFlag(kSequenceEndName, *end, kSequenceEnd, &mark.flags));
  }
  return mark;
}

void WriteSequenceMark(const SequenceMark& mark, Parameters* response) {
  if (const auto* text = std::get_if<std::string>(&mark.correlation_id)) {
    response->Set(kSequenceId, *text);
  } else {
    response->Set(kSequenceId, static_cast<std::int64_t>(std::get<std::uint64_t>(mark.correlation_id)));
  }
  response->Set(kSequenceStartName, (mark.flags & kSequenceStart) != 0);
  response->Set(kSequenceEndName, (mark.flags & kSequenceEnd) != 0);
}

}  // namespace triton_lite
