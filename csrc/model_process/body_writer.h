// Builds the body of a message: records, texts and tensors, and behind them the bytes of small tensors.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "core/buffer.h"
#include "core/datatype.h"
#include "core/shape.h"
#include "core/status.h"
#include "model_process/lane.h"
#include "model_process/protocol.h"

namespace triton_lite::model_process {

class BodyWriter {
 public:
  // Tensors that are not small go into the arena of `lane`.
  explicit BodyWriter(Lane* lane) : lane_(lane) { body_.reserve(kReserved); }

  template <typename Record>
  void Append(const Record& record) {
    AppendBytes(std::as_bytes(std::span(&record, 1)));
  }
  void AppendText(std::string_view text) { AppendBytes(AsBytes(text)); }
  void Pad() { body_.resize((body_.size() + 7) / 8 * 8); }

  // A tensor's record. `data` is kept until Finish. UNAVAILABLE when the arena is full.
  Status AppendTensor(std::string_view name, DataType datatype, const Shape& shape, const Buffer& data);

  // The whole body. Once.
  const std::vector<std::byte>& Finish();
  // The model will not hear of what was lent to it.
  void Abandon();

 private:
  static constexpr std::size_t kReserved = 1024;

  struct Inline {
    std::size_t record = 0;  // Where its TensorRecord is.
    Buffer data;
  };

  void AppendBytes(Bytes bytes) { body_.insert(body_.end(), bytes.begin(), bytes.end()); }
  Result<std::uint64_t> PlaceInArena(const Buffer& data);

  Lane* const lane_;
  std::vector<std::byte> body_;
  std::vector<Inline> inline_;
  std::size_t inline_byte_size_ = 0;
  std::vector<std::uint64_t> lent_;
};

}  // namespace triton_lite::model_process
