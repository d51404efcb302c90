#include "cache/cached_answer.h"

#include <cstring>
#include <string>

namespace triton_lite {
namespace {

// What an entry takes beside its outputs: this object, its place in the cache's table and list, the heap's own words.
constexpr std::uint64_t kEntryByteSize = sizeof(CachedAnswer) + 192;
constexpr std::size_t kAlignment = 64;

std::size_t Aligned(std::size_t byte_size) { return (byte_size + kAlignment - 1) / kAlignment * kAlignment; }

std::size_t BlockByteSize(const InferenceResponse& response) {
  std::size_t byte_size = 0;
  for (const OutputTensor& output : response.outputs) {
    byte_size += Aligned(output.data.size);
  }
  return byte_size;
}

}  // namespace

Result<CachedAnswerPtr> CachedAnswer::Copy(const InferenceResponse& response) {
  auto answer = std::make_shared<CachedAnswer>();
  answer->byte_size_ = ByteSize(response);
  ASSIGN_OR_RETURN(Buffer block, AllocateHeap(BlockByteSize(response)));
  answer->response_.parameters = response.parameters;
  answer->response_.outputs.reserve(response.outputs.size());
  std::size_t offset = 0;
  for (const OutputTensor& output : response.outputs) {
    if (output.data.kind == MemoryKind::kDevice) {
      return InvalidArgument("Only input buffers in CPU memory are allowed in cache currently");
    }
    Buffer data{block.data + offset, output.data.size, block.owner};
    if (output.data.size > 0) {
      std::memcpy(data.data, output.data.data, output.data.size);
    }
    offset += Aligned(output.data.size);
    answer->response_.outputs.push_back({output.name, output.datatype, output.shape, std::move(data)});
  }
  return CachedAnswerPtr(std::move(answer));
}

std::uint64_t CachedAnswer::ByteSize(const InferenceResponse& response) {
  std::uint64_t byte_size = kEntryByteSize + BlockByteSize(response);
  for (const OutputTensor& output : response.outputs) {
    byte_size += sizeof(OutputTensor) + output.name.size();
  }
  for (const auto& [name, value] : response.parameters) {
    const auto* text = std::get_if<std::string>(&value);
    byte_size += sizeof(std::pair<std::string, ParameterValue>) + name.size() + (text == nullptr ? 0 : text->size());
  }
  return byte_size;
}

}  // namespace triton_lite
