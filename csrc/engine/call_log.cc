#include "engine/call_log.h"

#include <string>
#include <utility>

#include "log/log.h"
#include "wire/call_metadata.h"
#include "wire/infer_message.h"

namespace triton_lite {
namespace {

std::uint64_t ByteSize(const Call& call) {
  std::uint64_t byte_size = call.message().size();
  for (const Bytes segment : call.segments()) {
    byte_size += segment.size();
  }
  return byte_size;
}

// What the call itself says. The id is the one that the client gave, in whichever place.
Access AccessOf(const Call& call, std::string_view id, Code status) {
  const wire::CallMetadata front = wire::ReadCallMetadata(call.metadata());
  Access access;
  access.request_id = id.empty() ? front.request_id : id;
  access.protocol = call.peer().name;
  access.peer = front.peer;
  access.status = status;
  access.bytes_in = front.byte_size != 0 ? front.byte_size : ByteSize(call);
  return access;
}

std::string Text(const CorrelationId& id) {
  const auto* const number = std::get_if<std::uint64_t>(&id);
  return number != nullptr ? std::to_string(*number) : std::get<std::string>(id);
}

std::string Text(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t dim : shape) {
    text += text.size() > 1 ? "," : "";
    text += std::to_string(dim);
  }
  return text + "]";
}

}  // namespace

std::uint64_t ByteSize(const Answer& answer) {
  std::uint64_t byte_size = answer.message.size() + answer.status.message().size();
  for (const Buffer& segment : answer.segments) {
    byte_size += segment.size;
  }
  return byte_size;
}

void LogPrepared(const InferenceRequest& request) {
  if (!VerboseLog(1)) {
    return;
  }
  std::string text = "prepared: request id: " + request.id + ", model: " + request.model_name +
                     ", actual version: " + std::to_string(request.model_version) +
                     ", flags: " + std::to_string(request.flags) + ", correlation id: " + Text(request.correlation_id) +
                     ", batch size: " + std::to_string(request.batch_size) +
                     ", priority: " + std::to_string(request.priority) +
                     ", timeout (us): " + std::to_string(request.timeout_microseconds) + "\ninputs:\n";
  for (const InputTensor& input : request.inputs) {
    text += "input: " + input.name + ", type: " + std::string(DataTypeName(input.datatype)) +
            ", original shape: " + Text(input.shape) + ", shape: " + Text(input.model_shape) + "\n";
  }
  text += "requested outputs:\n";
  for (const RequestedOutput& output : request.outputs) {
    text += output.name + "\n";
  }
  LogRequestVerbose(1, request.id, text);
}

void LogRefused(const Call& call, const Status& status) {
  AccessLog* const log = ProcessAccessLog();
  if (log == nullptr && !VerboseLog(1)) {
    return;
  }
  wire::InferRequestView view;
  if (!wire::DecodeInferRequest(call.message(), &view, call.peer().is_http()).ok()) {
    view = {};
  }
  LogRequestVerbose(1, view.id, "Infer failed: " + status.message());
  if (log != nullptr) {
    Access access = AccessOf(call, view.id, status.code());
    access.model = view.model_name;
    access.version = view.model_version;
    access.bytes_out = status.message().size();
    access.end = NowNanoseconds();
    log->Add(access);
  }
}

void LogEnded(const Call& call, const ServedModel& model, const InferenceRequest& request,
              const RequestFigures& figures, Code status, std::uint64_t bytes_out) {
  AccessLog* const log = ProcessAccessLog();
  if (log == nullptr) {
    return;
  }
  Access access = AccessOf(call, request.id, status);
  access.model = model.spec().name;
  access.version = model.version_text();
  access.bytes_out = bytes_out;
  access.queue_nanoseconds = figures.queue;
  access.compute_nanoseconds = figures.compute;
  access.total_nanoseconds = figures.request;
  access.end = request.times.request_end;
  log->Add(access);
}

}  // namespace triton_lite
