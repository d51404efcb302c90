#include "trace/trace_json.h"

#include "wire/json_writer.h"

namespace triton_lite {
namespace {

const char* NameOf(TensorActivity activity) {
  switch (activity) {
    case TensorActivity::kQueueInput:
      return "TENSOR_QUEUE_INPUT";
    case TensorActivity::kBackendInput:
      return "TENSOR_BACKEND_INPUT";
    case TensorActivity::kBackendOutput:
      return "TENSOR_BACKEND_OUTPUT";
  }
  return "";
}

class Writer {
 public:
  explicit Writer(std::string* out) : out_(*out) {}

  void Events(std::uint64_t id, const std::vector<TraceEvent>& events) {
    for (const TraceEvent& event : events) {
      Event(id, event);
    }
  }

  void Model(const TracedModel& request) {
    if (!request.events.empty()) {
      Head(request);
    }
    // As they come about: the queue's inputs follow QUEUE_START.
    std::size_t first = 0;
    for (; first < request.events.size() && first < 2; ++first) {
      Event(request.id, request.events[first]);
    }
    for (const TracedTensor& tensor : request.tensors) {
      Tensor(request.id, tensor);
    }
    for (; first < request.events.size(); ++first) {
      Event(request.id, request.events[first]);
    }
  }

 private:
  void Begin(std::uint64_t id) {
    out_ += out_.empty() ? "{\"id\":" : ",{\"id\":";
    wire::AppendJsonUint(id, &out_);
  }

  void Head(const TracedModel& request) {
    Begin(request.id);
    out_ += ",\"model_name\":";
    wire::AppendJsonText(request.model_name, &out_);
    out_ += ",\"model_version\":";
    wire::AppendJsonInt(request.model_version, &out_);
    if (!request.request_id.empty()) {
      out_ += ",\"request_id\":";
      wire::AppendJsonText(request.request_id, &out_);
    }
    if (request.parent_id != 0) {
      out_ += ",\"parent_id\":";
      wire::AppendJsonUint(request.parent_id, &out_);
    }
    out_ += '}';
  }

  void Event(std::uint64_t id, const TraceEvent& event) {
    Begin(id);
    out_ += ",\"timestamps\":[{\"name\":\"";
    out_ += event.name;
    out_ += "\",\"ns\":";
    wire::AppendJsonUint(event.time, &out_);
    out_ += "}]}";
  }

  void Tensor(std::uint64_t id, const TracedTensor& tensor) {
    Begin(id);
    out_ += ",\"activity\":\"";
    out_ += NameOf(tensor.activity);
    out_ += "\",\"tensor\":{\"name\":";
    wire::AppendJsonText(tensor.name, &out_);
    out_ += ",\"data\":";
    wire::AppendJsonText(TensorToText(tensor.datatype, tensor.shape, tensor.bytes), &out_);
    out_ += ",\"shape\":\"";
    for (std::size_t i = 0; i < tensor.shape.size(); ++i) {
      out_ += i > 0 ? "," : "";
      wire::AppendJsonInt(tensor.shape[i], &out_);
    }
    out_ += "\",\"dtype\":\"";
    out_ += DataTypeName(tensor.datatype);
    out_ += "\"}}";
  }

  std::string& out_;
};

}  // namespace

std::string TraceToJson(const TraceRecord& record) {
  std::string json;
  Writer writer(&json);
  writer.Events(record.id, record.received);
  for (const TracedModel& request : record.requests) {
    writer.Model(request);
  }
  writer.Events(record.id, record.sent);
  return json;
}

}  // namespace triton_lite
