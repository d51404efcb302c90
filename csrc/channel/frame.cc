#include "channel/frame.h"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace triton_lite {
namespace {

constexpr std::size_t kSegmentAlignment = 16;  // In a slot.
constexpr std::size_t kArenaAlignment = 64;
constexpr std::size_t kCheapToCopy = 256;  // Cheaper to copy into the slot than to hold and release.

constexpr std::uint64_t AlignTo(std::uint64_t size, std::uint64_t alignment) {
  return (size + alignment - 1) / alignment * alignment;
}

// Decides where everything goes, then copies it there.
class Builder {
 public:
  Builder(Arena& arena, Bytes message, Bytes metadata, std::span<const FramePiece> pieces, OutgoingFrame* frame)
      : arena_(arena), message_(message), metadata_(metadata), pieces_(pieces), frame_(frame) {
    const std::uint64_t fixed = pieces.size() * sizeof(SegmentRef) + message.size() + metadata.size();
    in_slot_ = fixed <= kInlineByteSize;
    frame_size_ = fixed;
    spilled_ = in_slot_ ? 0 : AlignTo(fixed, kArenaAlignment);
    if (pieces.size() > std::size(few_)) {
      many_.resize(pieces.size());
    }
  }

  Status Build() {
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      Place(pieces_[i], &refs()[i]);
    }
    std::byte* spill = nullptr;
    if (spilled_ > 0) {
      ASSIGN_OR_RETURN(Buffer chunk, arena_.Allocate(spilled_));
      spill = chunk.data;
      spill_place_ = *arena_.Locate(chunk.bytes());
      Keep(std::move(chunk.owner), spill_place_.region, spilled_);
    }
    FillHead();
    CopyPieces(spill);
    std::byte* const frame = in_slot_ ? frame_->slot.payload : spill;
    const std::size_t table = pieces_.size() * sizeof(SegmentRef);
    Copy(frame, refs(), table);
    Copy(frame + table, message_.data(), message_.size());
    Copy(frame + table + message_.size(), metadata_.data(), metadata_.size());
    return {};
  }

 private:
  static constexpr std::uint32_t kSpilled = kInFrame - 1;  // Stands in until the chunk is there.

  static void Copy(void* to, const void* from, std::size_t size) {
    if (size > 0) {
      std::memcpy(to, from, size);
    }
  }

  SegmentRef* refs() { return many_.empty() ? few_ : many_.data(); }

  void Keep(std::shared_ptr<void> owner, std::uint32_t region, std::uint64_t size) {
    frame_->owners.push_back(std::move(owner));
    frame_->memory_byte_size += size;
    auto& regions = frame_->regions;
    if (region != 0 && std::find(regions.begin(), regions.end(), region) == regions.end()) {
      regions.push_back(region);
    }
  }

  void Place(const FramePiece& piece, SegmentRef* ref) {
    const std::uint64_t size = piece.bytes.size();
    ref->size = size;
    if (piece.owner != nullptr && size > kCheapToCopy) {
      if (const auto place = arena_.Locate(piece.bytes)) {
        ref->region = place->region;
        ref->offset = place->offset;
        Keep(piece.owner, place->region, size);
        return;
      }
    }
    const std::uint64_t at = AlignTo(frame_size_, kSegmentAlignment);
    if (size == 0 || (in_slot_ && at + size <= kInlineByteSize)) {
      ref->region = kInFrame;
      ref->offset = size == 0 ? 0 : at;
      frame_size_ = size == 0 ? frame_size_ : at + size;
      return;
    }
    ref->region = kSpilled;
    ref->offset = spilled_;
    spilled_ = AlignTo(spilled_ + size, kArenaAlignment);
  }

  void FillHead() {
    SlotHead& head = frame_->slot.head;
    head.segment_count = static_cast<std::uint32_t>(pieces_.size());
    head.message_size = message_.size() + metadata_.size();
    head.metadata_size_or_release = static_cast<std::uint32_t>(metadata_.size());
    head.frame_size = frame_size_;
    head.flags = frame_->owners.empty() ? 0 : kSlotHoldsMemory;
    if (!in_slot_) {
      head.flags |= kSlotFrameInArena;
      head.frame_region = spill_place_.region;
      head.frame_offset = spill_place_.offset;
    }
  }

  void CopyPieces(std::byte* spill) {
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      SegmentRef& ref = refs()[i];
      if (ref.region == kSpilled) {
        Copy(spill + ref.offset, pieces_[i].bytes.data(), ref.size);
        ref.region = spill_place_.region;
        ref.offset += spill_place_.offset;
      } else if (ref.region == kInFrame && ref.size > 0) {
        Copy(frame_->slot.payload + ref.offset, pieces_[i].bytes.data(), ref.size);
      }
    }
  }

  Arena& arena_;
  const Bytes message_;
  const Bytes metadata_;
  const std::span<const FramePiece> pieces_;
  OutgoingFrame* const frame_;
  bool in_slot_ = true;
  std::uint64_t frame_size_ = 0;
  std::uint64_t spilled_ = 0;  // Bytes of the chunk that takes what does not fit into the slot.
  ArenaPlace spill_place_;
  SegmentRef few_[8];
  std::vector<SegmentRef> many_;
};

}  // namespace

Status BuildFrame(Arena& arena, Bytes message, Bytes metadata, std::span<const FramePiece> pieces,
                  OutgoingFrame* frame) {
  if (pieces.size() > kMostSegments) {
    return InvalidArgument("at most " + std::to_string(kMostSegments) + " tensors can be sent at once, got " +
                           std::to_string(pieces.size()));
  }
  return Builder(arena, message, metadata, pieces, frame).Build();
}

bool IncomingFrame::Read(const Slot& from, RegionSource& regions) {
  CopyOnce(&head_, &from.head, sizeof(head_));
  Bytes frame;
  if (head_.segment_count > kMostSegments || !ReadFrame(from, regions, &frame)) {
    head_.segment_count = 0;
    return false;
  }
  const std::uint64_t table = std::uint64_t{head_.segment_count} * sizeof(SegmentRef);
  if (table > frame.size() || head_.message_size > frame.size() - table || !ReadSegments(frame, regions)) {
    head_.segment_count = 0;
    return false;
  }
  message_ = frame.subspan(table, head_.message_size);
  return true;
}

bool IncomingFrame::ReadFrame(const Slot& from, RegionSource& regions, Bytes* frame) {
  if ((head_.flags & kSlotFrameInArena) != 0) {
    return View(head_.frame_region, head_.frame_offset, head_.frame_size, regions, frame);
  }
  if (head_.frame_size > kInlineByteSize) {
    return false;
  }
  CopyOnce(payload_, from.payload, head_.frame_size);
  *frame = Bytes(payload_, head_.frame_size);
  return true;
}

bool IncomingFrame::ReadSegments(Bytes frame, RegionSource& regions) {
  Bytes* segments = few_;
  if (head_.segment_count > kFew) {
    many_.resize(head_.segment_count);
    segments = many_.data();
  }
  for (std::uint32_t i = 0; i < head_.segment_count; ++i) {
    SegmentRef ref;
    CopyOnce(&ref, frame.data() + i * sizeof(SegmentRef), sizeof(ref));
    if (!Resolve(ref, frame, regions, &segments[i])) {
      return false;
    }
  }
  return true;
}

bool IncomingFrame::Resolve(const SegmentRef& ref, Bytes frame, RegionSource& regions, Bytes* segment) {
  if (ref.region != kInFrame) {
    return View(ref.region, ref.offset, ref.size, regions, segment);
  }
  if (ref.size > frame.size() || ref.offset > frame.size() - ref.size) {
    return false;
  }
  *segment = frame.subspan(ref.offset, ref.size);
  return true;
}

bool IncomingFrame::View(std::uint32_t region, std::uint64_t offset, std::uint64_t size, RegionSource& regions,
                         Bytes* view) {
  if (last_ == nullptr || region != last_region_) {
    std::shared_ptr<Mapping> found = regions.FindRegion(region);
    if (found == nullptr) {
      return false;
    }
    if (last_ != nullptr) {
      others_.push_back(std::move(last_));
    }
    last_ = std::move(found);
    last_region_ = region;
  }
  if (size > last_->size() || offset > last_->size() - size) {
    return false;
  }
  memory_byte_size_ += size;
  *view = Bytes(last_->data() + offset, size);
  return true;
}

}  // namespace triton_lite
