// Frames of the channel: a slot of any bytes whose writer changes it, and the memory that it refers to, while it is
// read; and frames of our own, which arrive as they were sent.
//
// The input: a byte that chooses between the two. Then the slot, and what is written over it and into the regions; or
// the parts of a message.
#include <sys/mman.h>

#include <memory>
#include <string>
#include <vector>

#include "channel/frame.h"
#include "channel/ring_link.h"
#include "fuzz.h"
#include "memory/memfd.h"

using namespace triton_lite;
using namespace triton_lite::fuzz;

namespace {

constexpr std::size_t kRegionByteSize = 4096;
constexpr std::uint32_t kOtherRegion = 7;

std::shared_ptr<Mapping> MakeRegion() {
  const FileDescriptor fd = *CreateMemfd("fuzz", kRegionByteSize);
  return *Mapping::Map(fd.get(), kRegionByteSize);
}

// Two regions of a peer that writes to all it shares whenever somebody looks for one.
class HostileRegions : public RegionSource {
 public:
  HostileRegions(Input* input, Slot* slot) : input_(input), slot_(slot) { Scribble(); }

  std::shared_ptr<Mapping> FindRegion(std::uint32_t region) override {
    Scribble();
    return region == 0 ? Base() : region == kOtherRegion ? Other() : nullptr;
  }

  static const std::shared_ptr<Mapping>& Base() {
    static const auto region = MakeRegion();
    return region;
  }
  static const std::shared_ptr<Mapping>& Other() {
    static const auto region = MakeRegion();
    return region;
  }

 private:
  void Scribble() {
    const auto where = input_->Take<std::uint16_t>();
    const Bytes what = input_->TakeBytes(input_->Take<std::uint8_t>());
    std::byte* const target = (where & 0x8000) != 0   ? reinterpret_cast<std::byte*>(slot_)
                              : (where & 0x4000) != 0 ? Other()->data()
                                                      : Base()->data();
    const std::size_t limit = (where & 0x8000) != 0 ? sizeof(Slot) : kRegionByteSize;
    const std::size_t at = (where & 0x3FFF) % limit;
    if (!what.empty()) {
      std::memcpy(target + at, what.data(), std::min(what.size(), limit - at));
    }
  }

  Input* const input_;
  Slot* const slot_;
};

template <typename T>
Bytes BytesOf(const T& object) {
  return {reinterpret_cast<const std::byte*>(&object), sizeof(object)};
}

// Within the frame's own copy, or a region.
bool IsKnown(Bytes bytes, const IncomingFrame& frame) {
  return IsInside(bytes, BytesOf(frame)) || HostileRegions::Base()->Contains(bytes) ||
         HostileRegions::Other()->Contains(bytes);
}

void ReadHostile(Input input) {
  std::memset(HostileRegions::Base()->data(), 0, kRegionByteSize);
  std::memset(HostileRegions::Other()->data(), 0, kRegionByteSize);
  const auto slot = std::make_unique<Slot>();
  std::memset(static_cast<void*>(slot.get()), 0, sizeof(Slot));
  const Bytes head = input.TakeBytes(sizeof(SlotHead));
  if (!head.empty()) {
    std::memcpy(static_cast<void*>(slot.get()), head.data(), head.size());
  }
  const Bytes payload = input.TakeBytes(input.Take<std::uint16_t>() % (kInlineByteSize + 1));
  if (!payload.empty()) {
    std::memcpy(slot->payload, payload.data(), payload.size());
  }
  HostileRegions regions(&input, slot.get());
  const auto frame = std::make_unique<IncomingFrame>();
  const bool good = frame->Read(*slot, regions);
  HOLDS(good || frame->segments().empty());
  if (!good) {
    return;
  }
  HOLDS(frame->segments().size() == frame->head().segment_count);
  HOLDS(frame->message().size() == frame->head().message_size);
  HOLDS(IsKnown(frame->message(), *frame));
  Touch(frame->message());
  for (const Bytes segment : frame->segments()) {
    HOLDS(IsKnown(segment, *frame));
    Touch(segment);
  }
}

class ArenaRegions : public RegionSource {
 public:
  explicit ArenaRegions(std::shared_ptr<Mapping> base) : base_(std::move(base)) {}
  std::shared_ptr<Mapping> FindRegion(std::uint32_t region) override { return region == 0 ? base_ : nullptr; }

 private:
  const std::shared_ptr<Mapping> base_;
};

void SendOurs(Input input) {
  static const std::shared_ptr<Arena> arena = *Arena::Create(
      ArenaOptions{.name = "fuzz", .base_byte_size = 1 << 20, .budget_byte_size = 1 << 16, .warm_byte_size = 1 << 20});
  static ArenaRegions regions(*Mapping::Map(arena->base_descriptor(), arena->base_byte_size()));
  const std::string message(input.Take<std::uint16_t>() % 1024, 'm');
  const std::string metadata(input.Take<std::uint8_t>(), 'd');
  std::vector<FramePiece> pieces;
  while (!input.done() && pieces.size() < 64) {
    const auto how = input.Take<std::uint16_t>();
    const Bytes bytes = input.TakeBytes(how & 0x7FF);
    if ((how & 0x8000) == 0) {
      pieces.push_back({bytes, nullptr});
      continue;
    }
    Result<Buffer> buffer = arena->Allocate(std::size_t{how} & 0x7FF);  // Sent from where it lies.
    if (buffer.ok()) {
      std::memset(buffer->data, how >> 8, buffer->size);
      pieces.push_back({buffer->bytes(), buffer->owner});
    }
  }
  OutgoingFrame outgoing;
  if (!BuildFrame(*arena, AsBytes(message), AsBytes(metadata), pieces, &outgoing).ok()) {
    return;  // The budget is spent.
  }
  const auto slot = std::make_unique<Slot>();
  WriteSlot(outgoing.slot, slot.get());
  const auto frame = std::make_unique<IncomingFrame>();
  HOLDS(frame->Read(*slot, regions));
  HOLDS(AsText(frame->message()) == message + metadata);
  HOLDS(frame->segments().size() == pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    HOLDS(AsText(frame->segments()[i]) == AsText(pieces[i].bytes));
  }
  HOLDS(outgoing.owners.empty() == ((frame->head().flags & kSlotHoldsMemory) == 0));
}

}  // namespace

FUZZ_TARGET(input) {
  if (input.Take<std::uint8_t>() % 4 != 0) {
    ReadHostile(input);
  } else {
    SendOurs(input);
  }
}
