#include "backends/identity_backend.h"

#include <algorithm>
#include <cstring>
#include <thread>
#include <utility>

#include "backends/config_value.h"
#include "backends/identity_check.h"
#include "core/reshape.h"

namespace triton_lite {
namespace {

const InputTensor* FindInput(const InferenceRequest& request, const std::string& name) {
  const auto it = std::find_if(request.inputs.begin(), request.inputs.end(),
                               [&](const InputTensor& input) { return input.name == name; });
  return it == request.inputs.end() ? nullptr : &*it;
}

// Zeros for an optional input that did not come: variable dimensions count as 1.
Result<OutputTensor> Zeros(InferenceRequest* request, const TensorSpec& input, bool batches) {
  OutputTensor output;
  output.datatype = input.datatype;
  if (batches) {
    output.shape.push_back(request->batch_size);
  }
  for (const std::int64_t dim : input.dims) {
    output.shape.push_back(dim == -1 ? 1 : dim);
  }
  // An element of BYTES is its length, 0.
  const std::size_t element = input.datatype == DataType::kBytes ? 4 : ElementByteSize(input.datatype);
  const auto byte_size = static_cast<std::size_t>(ElementCount(output.shape).value_or(0)) * element;
  if (byte_size > 0) {
    ASSIGN_OR_RETURN(output.data, request->responder->memory().Allocate(byte_size));
    std::memset(output.data.data, 0, byte_size);
  }
  return output;
}

}  // namespace

IdentityInstance::IdentityInstance(std::shared_ptr<const IdentitySettings> settings, std::int64_t ordinal)
    : settings_(std::move(settings)),
      delay_(settings_->execute_delay * std::max<std::int64_t>(1, settings_->delay_multiplier * ordinal)) {}

void IdentityInstance::Execute(std::span<InferenceRequest* const> batch) {
  const std::uint64_t start = NowNanoseconds();
  if (delay_.count() > 0) {
    Wait();
  }
  const std::uint64_t end = delay_.count() > 0 ? NowNanoseconds() : start;
  for (InferenceRequest* const request : batch) {
    request->times.compute_input_end = start;
    request->times.compute_output_start = end;
    if (delay_.count() > 0 && request->cancel->cancelled()) {
      request->failure_reason = FailureReason::kCanceled;
      request->responder->Fail(Cancelled(""));
      continue;
    }
    InferenceResponse response;
    Status status = Answer(request, &response);
    request->times.compute_end = NowNanoseconds();
    if (status.ok()) {
      request->responder->Send(std::move(response), /*last=*/true);
    } else {
      request->responder->Fail(std::move(status));
    }
  }
}

void IdentityInstance::Wait() {
  const auto deadline = std::chrono::steady_clock::now() + delay_;
  MutexLock lock(mu_);
  while (!interrupted_ && wake_.WaitUntil(mu_, deadline)) {
  }
}

void IdentityInstance::Interrupt() {
  MutexLock lock(mu_);
  interrupted_ = true;
  wake_.NotifyAll();
}

void IdentityInstance::EndInterrupt() {
  MutexLock lock(mu_);
  interrupted_ = false;
}

Status IdentityInstance::Answer(InferenceRequest* request, InferenceResponse* response) const {
  if (request->outputs.empty()) {
    return {};  // An empty place of a sequence model's batch.
  }
  response->outputs.reserve(request->outputs.size());
  for (const RequestedOutput& output : request->outputs) {
    RETURN_IF_ERROR(AnswerOutput(request, output, response));
  }
  std::sort(response->outputs.begin(), response->outputs.end(),
            [](const OutputTensor& a, const OutputTensor& b) { return a.name < b.name; });
  // Triton's backend shows with these that a response can have parameters; its clients' tests look for them.
  response->parameters.Set("param0", std::string("an example string parameter"));
  response->parameters.Set("param1", std::int64_t{42});
  response->parameters.Set("param2", false);
  response->parameters.Set("param3", 123.123);
  return {};
}

Status IdentityInstance::AnswerOutput(InferenceRequest* request, const RequestedOutput& output,
                                      InferenceResponse* response) const {
  const std::string input_name = kIdentityInput + output.name.substr(std::strlen(kIdentityOutput));
  if (const InputTensor* const input = FindInput(*request, input_name)) {
    // The input's own bytes: the buffer's owner keeps them until the answer is gone.
    response->outputs.push_back(
        {output.name, input->datatype, OutputShape(output.name, input->model_shape), input->data});
    return {};
  }
  const auto spec = std::find_if(settings_->inputs.begin(), settings_->inputs.end(),
                                 [&](const TensorSpec& each) { return each.name == input_name && each.optional; });
  if (spec == settings_->inputs.end()) {
    return Unimplemented("failed to get input '" + input_name + "'");
  }
  ASSIGN_OR_RETURN(OutputTensor zeros, Zeros(request, *spec, settings_->batches));
  zeros.name = output.name;
  zeros.shape = OutputShape(output.name, zeros.shape);
  response->outputs.push_back(std::move(zeros));
  return {};
}

Shape IdentityInstance::OutputShape(const std::string& output_name, const Shape& shape) const {
  const auto spec = std::find_if(settings_->outputs.begin(), settings_->outputs.end(),
                                 [&](const TensorSpec& each) { return each.name == output_name; });
  return spec == settings_->outputs.end() ? shape : ClientShape(*spec, settings_->batches, shape);
}

Status IdentityModel::Configure(const ModelSpec& spec) {
  RETURN_IF_ERROR(CheckIdentitySpec(spec));
  auto settings = std::make_shared<IdentitySettings>();
  ASSIGN_OR_RETURN(const int execute_delay_ms, FindInt(spec.parameters, "execute_delay_ms", 0));
  ASSIGN_OR_RETURN(settings->delay_multiplier, FindInt(spec.parameters, "instance_wise_delay_multiplier", 0));
  ASSIGN_OR_RETURN(const int creation_delay_sec, FindInt(spec.parameters, "creation_delay_sec", 0));
  settings->execute_delay = std::chrono::milliseconds(std::max(0, execute_delay_ms));
  settings->creation_delay = std::chrono::seconds(std::max(0, creation_delay_sec));
  settings->batches = spec.max_batch_size > 0;
  settings->inputs = spec.inputs;
  settings->outputs = spec.outputs;
  settings_ = std::move(settings);
  std::this_thread::sleep_for(settings_->creation_delay);
  return {};
}

Result<std::unique_ptr<BackendInstance>> IdentityModel::CreateInstance(const InstancePlacement& placement) {
  if (settings_ == nullptr) {
    return Internal("the model was not configured");
  }
  return std::unique_ptr<BackendInstance>(std::make_unique<IdentityInstance>(settings_, placement.ordinal));
}

Result<std::unique_ptr<BackendModel>> IdentityBackend::Open(const ModelSpec&) {
  return std::unique_ptr<BackendModel>(std::make_unique<IdentityModel>());
}

}  // namespace triton_lite
