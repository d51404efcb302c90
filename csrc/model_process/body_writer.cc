#include "model_process/body_writer.h"

namespace triton_lite::model_process {
namespace {

// Where copying bytes through a socket costs less than a block of the arena and its way back.
constexpr std::size_t kSmallTensor = 16 * 1024;
// So that a body with small tensors only still fits a packet.
constexpr std::size_t kInlineBudget = 40 * 1024;
constexpr std::size_t kAlignment = 16;

}  // namespace

Status BodyWriter::AppendTensor(std::string_view name, DataType datatype, const Shape& shape, const Buffer& data) {
  TensorRecord record{.name_length = static_cast<std::uint32_t>(name.size()),
                      .datatype = static_cast<std::uint32_t>(datatype),
                      .dimension_count = static_cast<std::uint32_t>(shape.size()),
                      .byte_size = data.size};
  if (data.size <= kSmallTensor && inline_byte_size_ + data.size <= kInlineBudget) {
    inline_.push_back({body_.size(), data});
    inline_byte_size_ += data.size;
  } else {
    record.where = kElsewhere;
    ASSIGN_OR_RETURN(record.place, PlaceInArena(data));
    lent_.push_back(record.place);
  }
  Append(record);
  AppendBytes(std::as_bytes(std::span(shape.data(), shape.size())));
  AppendText(name);
  Pad();
  return {};
}

Result<std::uint64_t> BodyWriter::PlaceInArena(const Buffer& data) {
  if (lane_->arena().Locate(data.bytes()).has_value()) {
    return lane_->Lend(data);
  }
  ASSIGN_OR_RETURN(const Buffer copy, lane_->arena().Allocate(data.size));
  std::memcpy(copy.data, data.data, data.size);
  return lane_->Lend(copy);
}

const std::vector<std::byte>& BodyWriter::Finish() {
  for (const Inline& each : inline_) {
    body_.resize((body_.size() + kAlignment - 1) / kAlignment * kAlignment);
    const std::uint64_t place = body_.size();
    std::memcpy(body_.data() + each.record + offsetof(TensorRecord, place), &place, sizeof(place));
    AppendBytes(each.data.bytes());
  }
  inline_.clear();
  return body_;
}

void BodyWriter::Abandon() {
  for (const std::uint64_t place : lent_) {
    lane_->Release(place);
  }
  lent_.clear();
}

}  // namespace triton_lite::model_process
