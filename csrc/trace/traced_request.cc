#include "trace/traced_request.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "core/model_spec.h"
#include "cuda/copies.h"
#include "trace/traceparent.h"
#include "wire/json_writer.h"

namespace triton_lite {
namespace {

// The events of a request that its timestamps tell of.
std::vector<TraceEvent> EventsOf(const Timestamps& times, bool computes) {
  std::vector<TraceEvent> events{{"REQUEST_START", times.request_start}};
  if (times.queue_start != 0) {
    events.push_back({"QUEUE_START", times.queue_start});
  }
  std::uint64_t end = times.request_end != 0 ? times.request_end : NowNanoseconds();
  // Without an end it was refused before it was run; without a start it was answered from the cache.
  if (computes && times.compute_start != 0 && times.compute_end != 0) {
    const std::uint64_t input_end = std::max(times.compute_start, times.compute_input_end);
    const std::uint64_t output_start = std::max(input_end, times.compute_output_start);
    const std::uint64_t compute_end = std::max(output_start, times.compute_end);
    events.push_back({"COMPUTE_START", times.compute_start});
    events.push_back({"COMPUTE_INPUT_END", input_end});
    events.push_back({"COMPUTE_OUTPUT_START", output_start});
    events.push_back({"COMPUTE_END", compute_end});
    // The answer may have gone out while the batch was still running.
    end = std::max(end, compute_end);
  }
  events.push_back({"REQUEST_END", end});
  return events;
}

TracedTensor Copy(TensorActivity activity, const std::string& name, DataType datatype, const Shape& shape,
                  const Buffer& data) {
  TracedTensor tensor{activity, name, datatype, shape, {}};
  if (const Result<Buffer> readable = cuda::OnHost(data); readable.ok()) {
    tensor.bytes.assign(readable->text());
  }
  return tensor;
}

}  // namespace

TracedRequest::TracedRequest(std::shared_ptr<Trace> trace, const InferenceRequest& request, AnswerHook on_answer)
    : trace_(std::move(trace)), request_(request), id_(trace_->id()), parent_id_(0), on_answer_(std::move(on_answer)) {}

TracedRequest::TracedRequest(std::shared_ptr<Trace> trace, const InferenceRequest& request, std::uint64_t id,
                             std::uint64_t parent_id)
    : trace_(std::move(trace)), request_(request), id_(id), parent_id_(parent_id) {}

TracedRequest::~TracedRequest() {
  if (!trace_->timestamps() && tensors_.empty()) {
    return;
  }
  TracedModel model;
  model.id = id_;
  model.parent_id = parent_id_;
  model.model_name = request_.model_name;
  model.model_version = request_.model_version;
  model.request_id = request_.id;
  model.span_id = std::move(span_id_);
  if (trace_->timestamps()) {
    model.events = EventsOf(request_.times, computes_);
  }
  model.tensors = std::move(tensors_);
  trace_->AddRequest(std::move(model));
}

void TracedRequest::OnStart(const ModelSpec& spec) {
  computes_ = !std::holds_alternative<EnsembleSpec>(spec.scheduler);
  // Sequence batchers do not record what they take.
  if (!trace_->tensors() || std::holds_alternative<SequenceBatchingSpec>(spec.scheduler)) {
    return;
  }
  for (const InputTensor& input : request_.inputs) {
    tensors_.push_back(Copy(TensorActivity::kQueueInput, input.name, input.datatype,
                            input.model_shape.empty() ? input.shape : input.model_shape, input.data));
  }
}

void TracedRequest::OnResponse(const InferenceResponse& response) {
  if (first_response_ == 0) {
    first_response_ = NowNanoseconds();
  }
  if (!trace_->tensors()) {
    return;
  }
  for (const OutputTensor& output : response.outputs) {
    tensors_.push_back(Copy(TensorActivity::kBackendOutput, output.name, output.datatype, output.shape, output.data));
  }
}

bool TracedRequest::OnAnswer() {
  if (request_.cancel != nullptr && request_.cancel->cancelled()) {
    return false;  // Nobody takes the answer, and nobody says that it was sent.
  }
  trace_->OnComplete(first_response_ != 0 ? first_response_ : NowNanoseconds());
  return on_answer_ && on_answer_(trace_);
}

std::string TracedRequest::Context() {
  if (!trace_->spans()) {
    return {};
  }
  if (span_id_.empty()) {
    span_id_ = MakeSpanId();
  }
  std::string json = R"({"traceparent":"00-)" + trace_->ShareTraceId() + "-" + span_id_ + R"(-01")";
  if (const std::string& state = trace_->tracestate(); !state.empty()) {
    json.append(R"(,"tracestate":)");
    wire::AppendJsonText(state, &json);
  }
  json.push_back('}');
  return json;
}

std::unique_ptr<RequestTrace> TracedRequest::MakeChild(const InferenceRequest& child) const {
  return std::unique_ptr<RequestTrace>(new TracedRequest(trace_, child, Trace::NextId(), id_));
}

}  // namespace triton_lite
