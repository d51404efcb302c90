// Reads the body of a message of a model process. Everything in it may be wrong: each length is checked before use.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include "core/buffer.h"
#include "core/datatype.h"
#include "core/shape.h"
#include "core/status.h"
#include "model_process/lane.h"
#include "model_process/protocol.h"
#include "model_process/remote_memory.h"

namespace triton_lite::model_process {

// The tensor that a record describes.
struct TensorView {
  std::string_view name;
  DataType datatype = DataType::kInvalid;
  Shape shape;
  std::uint32_t where = 0;
  std::uint64_t place = 0;
  std::uint64_t byte_size = 0;
};

class BodyReader {
 public:
  explicit BodyReader(Bytes body) : body_(body) {}

  // False when the body ends too early.
  template <typename Record>
  bool Read(Record* record) {
    Bytes bytes;
    if (!ReadBytes(sizeof(Record), &bytes)) {
      return false;
    }
    std::memcpy(record, bytes.data(), sizeof(Record));
    return true;
  }
  bool ReadText(std::size_t length, std::string_view* text) {
    Bytes bytes;
    if (!ReadBytes(length, &bytes)) {
      return false;
    }
    *text = AsText(bytes);
    return true;
  }
  bool SkipPadding() {
    Bytes bytes;
    return ReadBytes((8 - position_ % 8) % 8, &bytes);
  }
  // False also for a datatype, a shape or a size that no tensor has.
  bool ReadTensor(TensorView* tensor);

 private:
  bool ReadBytes(std::size_t length, Bytes* bytes) {
    if (length > body_.size() - position_) {
      return false;
    }
    *bytes = body_.subspan(position_, length);
    position_ += length;
    return true;
  }

  const Bytes body_;
  std::size_t position_ = 0;
};

// The error for a body that is none.
Status Malformed();

// The body of a message, wherever it lies; `storage` keeps it then.
Result<Bytes> FetchBody(const Header& header, Bytes in_packet, const RemoteMemory& memory, Buffer* storage);

// Brings the bytes of a tensor to memory that only the engine writes. `allocate(byte_size)` gives it. Numbers that lie
// in a block of the lane's arena stay there: whoever changes them changes only what it says itself.
template <typename Allocate>
Result<Buffer> FetchTensor(const TensorView& tensor, Bytes body, const RemoteMemory& memory, const Lane& lane,
                           Allocate allocate) {
  if (tensor.byte_size == 0) {
    return Buffer{};
  }
  Buffer lent;
  if (tensor.where == kInArena) {
    lent = lane.FindLent(tensor.place, tensor.byte_size);
    if (lent.data == nullptr) {
      return Malformed();
    }
    if (tensor.datatype != DataType::kBytes) {
      return lent;
    }
  }
  if (tensor.where == kInline && (tensor.place > body.size() || tensor.byte_size > body.size() - tensor.place)) {
    return Malformed();
  }
  ASSIGN_OR_RETURN(Buffer fetched, allocate(tensor.byte_size));
  if (tensor.where == kElsewhere) {
    RETURN_IF_ERROR(memory.Read(tensor.place, fetched.mutable_bytes()));
    return fetched;
  }
  const std::byte* const from = tensor.where == kInline ? body.data() + tensor.place : lent.data;
  std::memcpy(fetched.data, from, tensor.byte_size);
  return fetched;
}

}  // namespace triton_lite::model_process
