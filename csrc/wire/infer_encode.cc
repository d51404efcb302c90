#include <cstring>

#include "wire/infer_fields.h"
#include "wire/infer_message.h"
#include "wire/pb_writer.h"

namespace triton_lite::wire {
namespace {

struct ParameterValueWriter {
  PbWriter* writer;

  void operator()(bool value) const { writer->AddVarint(parameter_field::kBool, value ? 1 : 0); }
  void operator()(std::int64_t value) const {
    writer->AddVarint(parameter_field::kInt64, static_cast<std::uint64_t>(value));
  }
  void operator()(std::uint64_t value) const { writer->AddVarint(parameter_field::kUint64, value); }
  void operator()(double value) const { writer->AddDouble(parameter_field::kDouble, value); }
  void operator()(const std::string& value) const { writer->AddText(parameter_field::kString, value); }
};

void AddParameter(PbWriter* writer, std::uint32_t field, std::string_view name, const ParameterValue& value) {
  const std::size_t entry = writer->Begin(field);
  writer->AddText(entry_field::kKey, name);
  const std::size_t parameter = writer->Begin(entry_field::kValue);
  std::visit(ParameterValueWriter{writer}, value);
  writer->End(parameter);
  writer->End(entry);
}

template <typename Range>
void AddParameters(PbWriter* writer, std::uint32_t field, const Range& parameters) {
  for (const auto& [name, value] : parameters) {
    AddParameter(writer, field, name, value);
  }
}

std::byte* WriteRunHead(std::uint32_t field, std::size_t size, std::byte* out) {
  out = WriteVarint((field << 3) | static_cast<std::uint32_t>(WireType::kBytes), out);
  return WriteVarint(size, out);
}

std::size_t RunSize(std::uint32_t field, std::size_t size) { return VarintSize(field << 3) + VarintSize(size) + size; }

std::size_t FramedResponseSize(Bytes head, std::span<const Bytes> segments) {
  std::size_t size = head.size();
  for (Bytes segment : segments) {
    size += RunSize(response_field::kRawOutputContents, segment.size());
  }
  return size;
}

// memcpy must not be given the null pointer of an empty run.
std::byte* WriteRun(Bytes bytes, std::byte* out) {
  if (!bytes.empty()) {
    std::memcpy(out, bytes.data(), bytes.size());
  }
  return out + bytes.size();
}

}  // namespace

std::string EncodeInferRequest(const InferRequestBuilder& request) {
  std::string message;
  PbWriter writer(&message);
  if (request.from_http) {
    writer.AddVarint(request_field::kFromHttp, 1);  // First: the decoder wants to know before it reads text.
  }
  writer.PutText(request_field::kModelName, request.model_name);
  writer.PutText(request_field::kModelVersion, request.model_version);
  writer.PutText(request_field::kId, request.id);
  AddParameters(&writer, request_field::kParameters, request.parameters);
  for (const InferRequestBuilder::Input& input : request.inputs) {
    const std::size_t start = writer.Begin(request_field::kInputs);
    writer.PutText(tensor_field::kName, input.name);
    writer.PutText(tensor_field::kDatatype, input.datatype);
    writer.PutPacked(tensor_field::kShape, input.shape);
    AddParameters(&writer, tensor_field::kParameters, input.parameters);
    writer.End(start);
  }
  for (const InferRequestBuilder::Output& output : request.outputs) {
    const std::size_t start = writer.Begin(request_field::kOutputs);
    writer.PutText(requested_output_field::kName, output.name);
    AddParameters(&writer, requested_output_field::kParameters, output.parameters);
    writer.End(start);
  }
  return message;
}

std::string EncodeInferResponse(const ResponseHead& response) {
  std::string message;
  PbWriter writer(&message);
  writer.PutText(response_field::kModelName, response.model_name);
  writer.PutText(response_field::kModelVersion, response.model_version);
  writer.PutText(response_field::kId, response.id);
  if (response.parameters != nullptr) {
    AddParameters(&writer, response_field::kParameters, *response.parameters);
  }
  for (const OutputTensor& output : response.outputs) {
    const std::size_t start = writer.Begin(response_field::kOutputs);
    writer.PutText(tensor_field::kName, output.name);
    writer.PutText(tensor_field::kDatatype, DataTypeName(output.datatype));
    writer.PutPacked(tensor_field::kShape, output.shape.dims());
    writer.End(start);
  }
  return message;
}

std::size_t FramedSize(Bytes head, std::span<const Bytes> segments, bool in_stream) {
  const std::size_t size = FramedResponseSize(head, segments);
  return in_stream ? RunSize(stream_field::kInferResponse, size) : size;
}

void WriteFramed(Bytes head, std::span<const Bytes> segments, bool in_stream, MutableBytes out) {
  std::byte* at = out.data();
  if (in_stream) {
    at = WriteRunHead(stream_field::kInferResponse, FramedResponseSize(head, segments), at);
  }
  at = WriteRun(head, at);
  for (Bytes segment : segments) {
    at = WriteRunHead(response_field::kRawOutputContents, segment.size(), at);
    at = WriteRun(segment, at);
  }
}

std::string EncodeStreamError(std::string_view error_message, std::string_view request_id) {
  std::string message;
  PbWriter writer(&message);
  writer.PutText(stream_field::kErrorMessage, error_message);
  const std::size_t response = writer.Begin(stream_field::kInferResponse);
  writer.PutText(response_field::kId, request_id);
  writer.End(response);
  return message;
}

}  // namespace triton_lite::wire
