#include "model_process/execute_message.h"

#include <string>

#include "model_process/parameters_json.h"
#include "wire/json_writer.h"

namespace triton_lite::model_process {
namespace {

std::string OutputNames(const InferenceRequest& request) {
  std::string json = "[";
  for (const RequestedOutput& output : request.outputs) {
    json.append(json.size() > 1 ? "," : "");
    wire::AppendJsonText(output.name, &json);
  }
  json.push_back(']');
  return json;
}

Status WriteRequest(const InferenceRequest& request, std::uint64_t key, BodyWriter* writer) {
  const auto* const number = std::get_if<std::uint64_t>(&request.correlation_id);
  const std::string correlation = number == nullptr ? std::get<std::string>(request.correlation_id) : std::string();
  const std::string parameters = request.parameters.empty() ? std::string() : ToJson(request.parameters);
  const std::string trace = request.trace == nullptr ? std::string() : request.trace->Context();
  const std::string outputs = OutputNames(request);
  writer->Append(RequestRecord{.key = key,
                               .correlation_number = number == nullptr ? 0 : *number,
                               .timeout_microseconds = request.timeout_microseconds,
                               .priority = request.priority,
                               .flags = request.flags,
                               .input_count = static_cast<std::uint32_t>(request.inputs.size()),
                               .id_length = static_cast<std::uint32_t>(request.id.size()),
                               .correlation_length = static_cast<std::uint32_t>(correlation.size()),
                               .parameters_length = static_cast<std::uint32_t>(parameters.size()),
                               .trace_length = static_cast<std::uint32_t>(trace.size()),
                               .outputs_length = static_cast<std::uint32_t>(outputs.size())});
  writer->AppendText(request.id);
  writer->AppendText(correlation);
  writer->AppendText(parameters);
  writer->AppendText(trace);
  writer->AppendText(outputs);
  writer->Pad();
  for (const InputTensor& input : request.inputs) {
    RETURN_IF_ERROR(writer->AppendTensor(input.name, input.datatype, input.model_shape, input.data));
  }
  return {};
}

}  // namespace

Status WriteBatch(std::span<InferenceRequest* const> batch, std::span<const std::uint64_t> keys, BodyWriter* writer) {
  writer->Append(Counts{.records = static_cast<std::uint32_t>(batch.size())});
  for (std::size_t i = 0; i < batch.size(); ++i) {
    RETURN_IF_ERROR(WriteRequest(*batch[i], keys[i], writer));
  }
  return {};
}

}  // namespace triton_lite::model_process
