#include "engine/input_contents.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "cuda/copies.h"
#include "engine/quoted.h"
#include "engine/shared_memory_parameters.h"

namespace triton_lite {
namespace {

using wire::InferInputView;
using wire::InferRequestView;

// A field of InferTensorContents and the datatypes that it may carry; the first one names the field in errors.
struct ContentField {
  std::uint32_t number;
  std::array<DataType, 3> datatypes;
};

constexpr DataType kNone = DataType::kInvalid;
constexpr ContentField kContentFields[] = {
    {1, {DataType::kBool, kNone, kNone}},   {2, {DataType::kInt32, DataType::kInt8, DataType::kInt16}},
    {3, {DataType::kInt64, kNone, kNone}},  {4, {DataType::kUint32, DataType::kUint8, DataType::kUint16}},
    {5, {DataType::kUint64, kNone, kNone}}, {6, {DataType::kFp32, kNone, kNone}},
    {7, {DataType::kFp64, kNone, kNone}},   {8, {DataType::kBytes, kNone, kNone}},
};

bool HasElements(const wire::TypedContents& contents, std::uint32_t field) {
  return std::any_of(contents.fields.begin(), contents.fields.end(),
                     [&](const auto& records) { return records.first == field; });
}

std::string InputOfModel(const InferInputView& input, const InferRequestView& view) {
  return Quoted(input.name) + " for model " + Quoted(view.model_name);
}

// The one field with elements. None: the tensor has no bytes.
Result<std::optional<std::uint32_t>> ChooseField(const InferInputView& input, const InferRequestView& view,
                                                 DataType datatype) {
  std::optional<std::uint32_t> chosen;
  for (const ContentField& field : kContentFields) {
    if (!HasElements(input.contents, field.number)) {
      continue;
    }
    const std::string prefix = "unexpected explicit tensor data for input tensor " + InputOfModel(input, view);
    if (chosen) {
      return InvalidArgument(prefix + ", binary data was already supplied.");
    }
    const bool fits = datatype != kNone &&
                      std::find(field.datatypes.begin(), field.datatypes.end(), datatype) != field.datatypes.end();
    if (!fits) {
      return InvalidArgument(prefix + " of type '" + std::string(DataTypeName(field.datatypes[0])) +
                             "', expected datatype '" + std::string(DataTypeName(datatype)) + "'");
    }
    chosen = field.number;
  }
  return chosen;
}

Result<Buffer> TypedData(const InferInputView& input, const InferRequestView& view, DataType datatype) {
  ASSIGN_OR_RETURN(const std::optional<std::uint32_t> field, ChooseField(input, view, datatype));
  if (!field) {
    return Buffer{};
  }
  ASSIGN_OR_RETURN(std::string raw, wire::TypedContentsToRaw(datatype, *field, input.contents));
  auto owner = std::make_shared<std::string>(std::move(raw));
  return Buffer{reinterpret_cast<std::byte*>(owner->data()), owner->size(), owner};
}

// Backends only read inputs; Buffer has no constant form.
Buffer Borrow(Bytes bytes, const std::shared_ptr<void>& keep_alive) {
  return Buffer{const_cast<std::byte*>(bytes.data()), bytes.size(), keep_alive};
}

Result<Buffer> RegionData(const Buffer& place, DataType datatype, bool may_change) {
  if (place.kind == MemoryKind::kDevice) {
    return datatype == DataType::kBytes ? cuda::OnHost(place) : place;
  }
  if (IsFloatingPoint(datatype) || (may_change && datatype != DataType::kBytes)) {
    return place;
  }
  ASSIGN_OR_RETURN(Buffer copy, AllocateHeap(place.size));
  if (place.size > 0) {
    std::memcpy(copy.data, place.data, place.size);
  }
  return copy;
}

}  // namespace

Status AddInputs(const InferRequestView& view, std::span<const Bytes> raw, std::span<const Buffer> lent,
                 const std::shared_ptr<void>& keep_alive, const RegionRegistry& regions, bool may_change,
                 InferenceRequest* request, CallOptions* options) {
  std::size_t next_raw = 0;
  request->inputs.reserve(view.inputs.size());
  for (const InferInputView& input : view.inputs) {
    const DataType datatype = ParseDataType(input.datatype);
    Buffer data;
    ASSIGN_OR_RETURN(const auto named, ReadRegionPart(input.name, input.parameters));
    if (named && input.contents.present) {
      return InvalidArgument("unexpected 'content' provided when using shared memory for input tensor " +
                             InputOfModel(input, view));
    }
    if (input.contents.present && !raw.empty()) {
      return InvalidArgument("contents field must not be specified when using raw_input_contents for " +
                             InputOfModel(input, view));
    }
    if (named) {
      ASSIGN_OR_RETURN(RegionRegistry::Part part, regions.Find(named->region, named->offset, named->byte_size));
      ASSIGN_OR_RETURN(data, RegionData(part.place, datatype, may_change));
      options->regions.Add(std::move(part.checked), std::move(part.use));
    } else if (input.contents.present) {
      ASSIGN_OR_RETURN(data, TypedData(input, view, datatype));
    } else if (next_raw < lent.size()) {
      ASSIGN_OR_RETURN(data, datatype == DataType::kBytes ? cuda::OnHost(lent[next_raw]) : lent[next_raw]);
      ++next_raw;
    } else if (next_raw < raw.size()) {
      data = Borrow(raw[next_raw++], keep_alive);
    } else {
      return InvalidArgument("unable to find data for input tensor " + InputOfModel(input, view) + " in request.");
    }
    request->inputs.push_back({std::string(input.name), datatype, input.shape, std::move(data), {}});
  }
  return {};
}

}  // namespace triton_lite
