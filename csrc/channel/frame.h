// A message with segments as it travels: small things in the slot, the rest in the sender's arena.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "channel/layout.h"
#include "core/bytes.h"
#include "core/status.h"
#include "memory/arena.h"

namespace triton_lite {

// Segments of one frame.
inline constexpr std::size_t kMostSegments = 65536;

// A segment to be sent. With an owner it is sent where it lies, if that is in the sender's arena; else it is copied.
struct FramePiece {
  Bytes bytes;
  std::shared_ptr<void> owner;
};

// A slot ready for the ring, and what must stay until the other side has released it.
struct OutgoingFrame {
  Slot slot;
  std::vector<std::shared_ptr<void>> owners;  // Empty: everything lies in the slot.
  std::vector<std::uint32_t> regions;         // Further regions of the arena that the frame refers to.
  std::uint64_t memory_byte_size = 0;         // Of the owners' bytes that the frame refers to.
};

// Fills in the frame: all of the slot's head but call, method_or_code and, of an answer, metadata_size_or_release.
// `metadata` goes behind the message. UNAVAILABLE when the arena's budget is spent, INVALID_ARGUMENT when there are
// more pieces than the other side takes.
Status BuildFrame(Arena& arena, Bytes message, Bytes metadata, std::span<const FramePiece> pieces,
                  OutgoingFrame* frame);

// The regions of the other side's arena.
class RegionSource {
 public:
  virtual ~RegionSource() = default;
  virtual std::shared_ptr<Mapping> FindRegion(std::uint32_t region) = 0;  // Null when there is none.
};

// A frame that came in. Views into its own copy of the slot or into regions that it keeps mapped.
class IncomingFrame {
 public:
  // Copies slot `from`; false when anything in it does not add up. Call once.
  bool Read(const Slot& from, RegionSource& regions);

  const SlotHead& head() const { return head_; }
  Bytes message() const { return message_; }  // With its metadata.
  std::span<const Bytes> segments() const {
    return head_.segment_count <= kFew ? std::span<const Bytes>(few_, head_.segment_count) : many_;
  }
  // Bytes in the regions.
  std::uint64_t memory_byte_size() const { return memory_byte_size_; }

 private:
  static constexpr std::size_t kFew = 4;

  bool ReadFrame(const Slot& from, RegionSource& regions, Bytes* frame);
  bool ReadSegments(Bytes frame, RegionSource& regions);
  bool Resolve(const SegmentRef& ref, Bytes frame, RegionSource& regions, Bytes* segment);
  bool View(std::uint32_t region, std::uint64_t offset, std::uint64_t size, RegionSource& regions, Bytes* view);

  SlotHead head_;
  Bytes message_;
  Bytes few_[kFew];
  std::vector<Bytes> many_;
  std::shared_ptr<Mapping> last_;  // The region that was used last; most frames use one.
  std::uint32_t last_region_ = kInFrame;
  std::vector<std::shared_ptr<Mapping>> others_;
  std::uint64_t memory_byte_size_ = 0;
  alignas(64) std::byte payload_[kInlineByteSize];
};

}  // namespace triton_lite
