#include "engine/warm_up_sample.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <random>
#include <utility>

#include "engine/model_data_file.h"
#include "engine/request_builder.h"
#include "engine/served_model.h"
#include "engine/validate.h"

namespace triton_lite {
namespace {

constexpr std::int64_t kMostBytes = std::numeric_limits<std::int64_t>::max();

Status TooLarge(const std::string& what, const WarmupInputSpec& input) {
  return InvalidArgument(what + " for tensor '" + input.name + "' exceeds maximum size of " +
                         std::to_string(kMostBytes));
}

// Bytes of one element of the batch. Of BYTES: those of empty strings.
Result<std::size_t> ByteSize(const WarmupInputSpec& input) {
  const bool strings = input.datatype == DataType::kBytes;
  const auto element = static_cast<std::int64_t>(strings ? sizeof(std::uint32_t) : ElementByteSize(input.datatype));
  if (element == 0 || std::find(input.dims.begin(), input.dims.end(), -1) != input.dims.end()) {
    return InvalidArgument("warmup setting expects all variable-size dimensions are specified for input '" +
                           input.name + "'");
  }
  if (std::any_of(input.dims.begin(), input.dims.end(), [](std::int64_t dim) { return dim < 0; })) {
    return InvalidArgument("tensor '" + input.name + "' contains an invalid dimension " + ShapeText(input.dims));
  }
  const std::optional<std::int64_t> count = ElementCount(input.dims);
  if (!count) {
    return TooLarge(strings ? "element count" : "byte size", input);
  }
  return *count > kMostBytes / element ? Result<std::size_t>(TooLarge("byte size", input))
                                       : static_cast<std::size_t>(*count * element);
}

// Any bytes for numbers; strings need their framing, so that random ones are empty like those of zeros.
bool IsRandom(const WarmupInputSpec& input) {
  return input.data == WarmupData::kRandom && input.datatype != DataType::kBytes;
}

Result<Buffer> Generate(const WarmupInputSpec& input, std::size_t byte_size) {
  ASSIGN_OR_RETURN(Buffer buffer, AllocateHeap(byte_size));
  if (!IsRandom(input)) {
    std::memset(buffer.data, 0, byte_size);
    return buffer;
  }
  std::minstd_rand random;  // The same bytes at every load: a failure can be repeated.
  for (std::byte& byte : buffer.mutable_bytes()) {
    byte = static_cast<std::byte>(random() >> 8);
  }
  return buffer;
}

Result<Buffer> ReadData(const ModelSpec& spec, const WarmupInputSpec& input, std::size_t byte_size,
                        const std::string& request) {
  ASSIGN_OR_RETURN(Buffer data, ReadModelDataFile(spec, "warmup", input.input_data_file));
  if (input.datatype == DataType::kBytes) {
    return data;
  }
  if (data.size < byte_size) {
    return InvalidArgument(request + "warmup setting expects " + std::to_string(byte_size) +
                           " bytes, but the data provided from " + input.input_data_file + "only has " +
                           std::to_string(data.size) + " bytes");
  }
  data.size = byte_size;
  return data;
}

Result<InputTensor> MakeInput(const ModelSpec& spec, const WarmupInputSpec& input, std::size_t byte_size,
                              const std::string& request) {
  InputTensor tensor;
  tensor.name = input.name;
  tensor.datatype = input.datatype;
  if (spec.max_batch_size != 0) {
    tensor.shape.push_back(1);
  }
  for (const std::int64_t dim : input.dims) {
    tensor.shape.push_back(dim);
  }
  tensor.model_shape = tensor.shape;
  if (input.data == WarmupData::kUnset) {
    return InvalidArgument(request + "warmup setting expects input '" + input.name + "' to have input_data_type set");
  }
  ASSIGN_OR_RETURN(tensor.data, input.data == WarmupData::kFile ? ReadData(spec, input, byte_size, request)
                                                                : Generate(input, byte_size));
  return tensor;
}

Result<WarmUpSample> MakeSample(const ModelSpec& spec, const ServedModel& model, const WarmupSpec& setting) {
  std::vector<std::size_t> byte_sizes;
  for (const WarmupInputSpec& input : setting.inputs) {
    ASSIGN_OR_RETURN(byte_sizes.emplace_back(), ByteSize(input));
  }
  InferenceRequest request;
  request.model_name = spec.name;
  std::vector<InputTensor> controls;
  for (std::size_t i = 0; i < setting.inputs.size(); ++i) {
    const WarmupInputSpec& input = setting.inputs[i];
    ASSIGN_OR_RETURN(InputTensor tensor, MakeInput(spec, input, byte_sizes[i], RequestIdText(request)));
    (spec.FindInput(input.name) != nullptr ? request.inputs : controls).push_back(std::move(tensor));
  }
  WarmUpSample sample;
  RETURN_IF_ERROR(ValidateRequest(model, &request, &sample.in_model));
  sample.name = setting.name;
  sample.batch_size = setting.batch_size;
  sample.count = std::max<std::uint32_t>(1, setting.count);
  sample.inputs = std::move(request.inputs);
  std::move(controls.begin(), controls.end(), std::back_inserter(sample.inputs));
  sample.outputs = std::move(request.outputs);
  return sample;
}

}  // namespace

Result<std::vector<WarmUpSample>> MakeWarmUpSamples(const ModelSpec& spec) {
  const ServedModel model(spec, nullptr, nullptr);  // For its tables only.
  std::vector<WarmUpSample> samples;
  for (const WarmupSpec& setting : spec.model_warmup) {
    if (setting.batch_size > 0) {
      ASSIGN_OR_RETURN(samples.emplace_back(), MakeSample(spec, model, setting));
    }
  }
  return samples;
}

}  // namespace triton_lite
