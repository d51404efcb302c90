#include "wire/http_input.h"

#include <limits>

#include "core/datatype.h"
#include "wire/json_tensor.h"
#include "wire/region_parameters.h"

namespace triton_lite::wire {
namespace {

constexpr std::int64_t kMaxInt64 = std::numeric_limits<std::int64_t>::max();

// Exactly one place may hold an input's data.
Status CheckDataSource(const JsonValue& input) {
  const bool data = input.Find("data").has_value();
  const bool binary = FindParameter(input, "binary_data_size").has_value();
  const bool region = FindParameter(input, "shared_memory_region").has_value();
  if (int{data} + int{binary} + int{region} == 1) {
    return {};
  }
  std::string text =
      "Input must set only one of the following fields: 'data', 'binary_data_size' in 'parameters', "
      "'shared_memory_region' in 'parameters'. But";
  if (!data && !binary && !region) {
    return InvalidArgument(text + " no field is set");
  }
  text += " set";
  text += data ? " 'data'" : "";
  text += binary ? " 'binary_data_size'" : "";
  text += region ? " 'shared_memory_region'" : "";
  return InvalidArgument(std::move(text));
}

Status ReadShape(const JsonValue& input, Shape* shape) {
  const std::string label = "Unable to parse 'shape'";
  const Result<JsonValue> dims = input.MemberAsArray("shape");
  RETURN_IF_ERROR(Labelled(label, dims.status()));
  for (JsonValue item = dims->first(); item != dims->end(); item = item.next()) {
    const Result<std::uint64_t> dim = item.AsUint();
    RETURN_IF_ERROR(Labelled(label, dim.status()));
    shape->push_back(static_cast<std::int64_t>(*dim));
  }
  return {};
}

// Elements of a shape as Triton's HTTP server counts them: none for an empty shape or a dimension of 0, whatever
// comes after it. Dimensions above INT64_MAX arrive negative.
Status CountElements(std::string_view input, const Shape& shape, std::int64_t* count) {
  const std::string prefix = "invalid shape for input '" + std::string(input) + "': shape " + ShapeText(shape) + " ";
  *count = shape.empty() ? 0 : 1;
  for (std::int64_t dim : shape) {
    if (dim < 0) {
      return InvalidArgument(prefix + "contains one or more invalid dimensions");
    }
    if (dim == 0) {
      *count = 0;
      return {};
    }
    if (__builtin_mul_overflow(*count, dim, count)) {
      return InvalidArgument(prefix + "causes total element count to exceed maximum size of " +
                             std::to_string(kMaxInt64));
    }
  }
  return {};
}

Status CheckJsonDatatype(DataType datatype, std::string_view input) {
  if (datatype == DataType::kFp16 || datatype == DataType::kBf16) {
    return InvalidArgument("receiving " + std::string(DataTypeName(datatype)) +
                           " data via JSON is not supported. Please use the binary data format for input " +
                           std::string(input));
  }
  if (datatype == DataType::kInvalid) {
    return InvalidArgument("invalid datatype for input " + std::string(input));
  }
  return {};
}

}  // namespace

Status TensorReader::ReadInputs(const JsonValue& root) {
  const Result<JsonValue> list = root.MemberAsArray("inputs");
  RETURN_IF_ERROR(Labelled("Unable to parse 'inputs'", list.status()));
  for (JsonValue item = list->first(); item != list->end(); item = item.next()) {
    RETURN_IF_ERROR(ReadInput(item));
  }
  if (!tail_.empty()) {
    return InvalidArgument("unexpected additional input data for model '" + std::string(limits_.model_name) + "'");
  }
  return {};
}

Status TensorReader::ReadInput(const JsonValue& json) {
  RETURN_IF_ERROR(CheckDataSource(json));
  Input& input = inputs_.emplace_back();
  RETURN_IF_ERROR(ReadTextMember(json, "name", &input.name));
  RETURN_IF_ERROR(ReadTextMember(json, "datatype", &input.datatype));
  RETURN_IF_ERROR(ReadShape(json, &input.shape));
  return ReadInputData(json, &input);
}

Status TensorReader::ReadInputData(const JsonValue& json, Input* input) {
  if (const std::optional<JsonValue> size = FindParameter(json, "binary_data_size")) {
    const Result<std::uint64_t> byte_size = size->AsUint();
    RETURN_IF_ERROR(Labelled("Unable to parse 'binary_data_size'", byte_size.status()));
    return TakeFromTail(*byte_size, input->name);
  }
  RegionParameters region;
  RETURN_IF_ERROR(ReadRegion(json, &region));
  if (region.used) {
    AddRegion(region, &input->parameters);
    return {};
  }
  return ConvertData(json, *input);
}

Status TensorReader::TakeFromTail(std::uint64_t byte_size, std::string_view input) {
  if (byte_size > tail_.size()) {
    return InvalidArgument("unexpected size for input '" + std::string(input) + "', expecting " +
                           std::to_string(byte_size - tail_.size()) + " additional bytes for model '" +
                           std::string(limits_.model_name) + "'");
  }
  call_->segments.push_back(tail_.first(static_cast<std::size_t>(byte_size)));
  tail_ = tail_.subspan(static_cast<std::size_t>(byte_size));
  return {};
}

Status TensorReader::ConvertData(const JsonValue& json, const Input& input) {
  std::int64_t element_count = 0;
  RETURN_IF_ERROR(CountElements(input.name, input.shape, &element_count));
  if (element_count == 0) {
    call_->segments.emplace_back();  // Triton does not look at the data then.
    return {};
  }
  const Result<JsonValue> data = json.MemberAsArray("data");
  RETURN_IF_ERROR(Labelled("Unable to parse 'data'", data.status()));
  return ConvertElements(*data, input, element_count);
}

Status TensorReader::ConvertElements(const JsonValue& data, const Input& input, std::int64_t element_count) {
  const DataType datatype = ParseDataType(input.datatype);
  const auto width = static_cast<std::int64_t>(ElementByteSize(datatype));
  if (width > 1 && element_count > kMaxInt64 / width) {
    return InvalidArgument("byte size overflow for input '" + std::string(input.name) + "': element count (" +
                           std::to_string(element_count) + ") * data type size (" + std::to_string(width) +
                           ") exceeds maximum allowed size (" + std::to_string(kMaxInt64) + ")");
  }
  RETURN_IF_ERROR(CheckByteSize(input, static_cast<std::uint64_t>(element_count * width)));
  RETURN_IF_ERROR(CheckJsonDatatype(datatype, input.name));
  std::string bytes;
  std::int64_t converted = 0;
  if (const JsonTensor* tensor = data.tensor(); tensor != nullptr && tensor->datatype == datatype) {
    converted = tensor->element_count;
    if (datatype != DataType::kBytes && converted > element_count) {
      return Internal("Unable to parse 'data': Shape does not match true shape of 'data' field");
    }
    bytes = std::move(document_->tensors[data.tensor_index()].bytes);
  } else {
    RETURN_IF_ERROR(ConvertNodes(datatype, data, element_count, &bytes, &converted));
  }
  if (datatype == DataType::kBytes) {
    RETURN_IF_ERROR(CheckByteSize(input, bytes.size()));  // Their count is for the engine to check.
  } else if (converted != element_count) {
    return Internal("Failed to parse 'data' field: shape does not match true shape");
  }
  call_->segments.push_back(AsBytes(call_->owned.emplace_back(std::move(bytes))));
  return {};
}

Status TensorReader::CheckByteSize(const Input& input, std::uint64_t byte_size) const {
  if (limits_.max_input_byte_size == 0 || byte_size <= limits_.max_input_byte_size) {
    return {};
  }
  return InvalidArgument("JSON input '" + std::string(input.name) + "' has a byte_size (" + std::to_string(byte_size) +
                         " bytes) that exceeds the maximum allowed value of " +
                         std::to_string(limits_.max_input_byte_size) +
                         " bytes. Use --http-max-input-size to increase the limit.");
}

}  // namespace triton_lite::wire
