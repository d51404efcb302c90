// Owned bytes: where they are, and what keeps them there.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "core/bytes.h"
#include "core/status.h"

namespace triton_lite {

// Where bytes lie. Device memory must not be touched by the host.
enum class MemoryKind : std::uint8_t { kHost, kPinned, kDevice };

// A copyable handle on a run of bytes. The bytes stay valid while any copy of `owner` lives: heap block,
// arena chunk, client region or a caller's numpy array. An empty owner means that the bytes outlive every
// use by other means (string literals, memory of the model).
struct Buffer {
  std::byte* data = nullptr;
  std::size_t size = 0;
  std::shared_ptr<void> owner;
  MemoryKind kind = MemoryKind::kHost;
  std::int32_t device_id = 0;

  Bytes bytes() const { return {data, size}; }
  MutableBytes mutable_bytes() const { return {data, size}; }
  std::string_view text() const { return AsText(bytes()); }
};

// 64-byte aligned heap memory, uninitialised. Fails with UNAVAILABLE when there is none.
Result<Buffer> AllocateHeap(std::size_t byte_size);

// Gives out memory for the outputs of one request (a peer's answer arena, the heap, a client's region).
class OutputMemory {
 public:
  virtual ~OutputMemory() = default;
  // 64-byte aligned, uninitialised. Called from any thread; UNAVAILABLE when the budget is spent.
  virtual Result<Buffer> Allocate(std::size_t byte_size) = 0;
  // Memory for the output of that name, which may have a place of its own: a client's region, of any alignment.
  virtual Result<Buffer> AllocateOutput(std::string_view /*name*/, std::size_t byte_size) {
    return Allocate(byte_size);
  }
  // Where on GPU `device_id` the output of that name belongs, if it has a place of its own there; no data otherwise.
  virtual Result<Buffer> PlaceOnDevice(std::string_view /*name*/, std::size_t /*byte_size*/,
                                       std::int32_t /*device_id*/) {
    return Buffer{};
  }
  // Whether outputs may also be given where a model on a GPU left them. If not, they have to be brought to the host.
  virtual bool takes_device_memory() const { return false; }
};

}  // namespace triton_lite
