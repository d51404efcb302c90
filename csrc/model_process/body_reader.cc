#include "model_process/body_reader.h"

#include <limits>

namespace triton_lite::model_process {
namespace {

// Of a body that is away. Tensors that are large lie elsewhere, so this is far more than any has.
constexpr std::uint64_t kMaxBody = std::uint64_t{256} << 20;
constexpr std::uint32_t kMaxDimensions = 1024;

// Whether `byte_size` bytes can be a tensor of that type and shape.
bool Fits(DataType datatype, const Shape& shape, std::uint64_t byte_size) {
  const std::optional<std::int64_t> count = ElementCount(shape);
  if (!count.has_value() || *count < 0) {
    return false;
  }
  const auto elements = static_cast<std::uint64_t>(*count);
  if (datatype == DataType::kBytes) {
    return elements <= byte_size / 4 && (elements > 0 || byte_size == 0);
  }
  const std::uint64_t each = ElementByteSize(datatype);
  return each > 0 && elements <= std::numeric_limits<std::uint64_t>::max() / each && elements * each == byte_size;
}

}  // namespace

bool BodyReader::ReadTensor(TensorView* tensor) {
  TensorRecord record;
  if (!Read(&record) || record.dimension_count > kMaxDimensions || record.where > kInArena ||
      record.datatype > static_cast<std::uint32_t>(DataType::kBf16)) {
    return false;
  }
  tensor->datatype = static_cast<DataType>(record.datatype);
  tensor->where = record.where;
  tensor->place = record.place;
  tensor->byte_size = record.byte_size;
  tensor->shape.clear();
  for (std::uint32_t i = 0; i < record.dimension_count; ++i) {
    std::int64_t dimension = 0;
    if (!Read(&dimension)) {
      return false;
    }
    tensor->shape.push_back(dimension);
  }
  return ReadText(record.name_length, &tensor->name) && SkipPadding() &&
         Fits(tensor->datatype, tensor->shape, tensor->byte_size);
}

Status Malformed() { return Internal("the model's process sent a message that is not well-formed"); }

Result<Bytes> FetchBody(const Header& header, Bytes in_packet, const RemoteMemory& memory, Buffer* storage) {
  if ((header.flags & kAway) == 0) {
    return header.length == in_packet.size() ? Result<Bytes>(in_packet) : Result<Bytes>(Malformed());
  }
  if (header.length > kMaxBody) {
    return Malformed();
  }
  ASSIGN_OR_RETURN(*storage, AllocateHeap(header.length));
  RETURN_IF_ERROR(memory.Read(header.place, storage->mutable_bytes()));
  return storage->bytes();
}

}  // namespace triton_lite::model_process
