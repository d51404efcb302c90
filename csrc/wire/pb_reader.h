// Reads protobuf's wire encoding over a view: tags, varints, fixed numbers, runs of bytes. Never reads past the end;
// every call says whether there was something well-formed to read. Nothing is copied.
#pragma once

#include <cstdint>
#include <cstring>

#include "core/bytes.h"

namespace triton_lite::wire {

enum class WireType : std::uint8_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kGroup = 3, kGroupEnd = 4, kFixed32 = 5 };

struct PbTag {
  std::uint32_t field = 0;
  WireType type = WireType::kVarint;
};

class PbReader {
 public:
  explicit PbReader(Bytes bytes) : at_(bytes.data()), end_(bytes.data() + bytes.size()) {}

  bool done() const { return at_ == end_; }
  const std::byte* position() const { return at_; }

  // False on a malformed tag: field number 0, wire types 6 and 7.
  bool ReadTag(PbTag* tag) {
    std::uint64_t value = 0;
    const std::byte* const start = at_;
    if (!ReadVarint(&value) || at_ - start > kMaxTagBytes) {
      return false;
    }
    const auto tag32 = static_cast<std::uint32_t>(value);
    tag->field = tag32 >> 3;
    tag->type = static_cast<WireType>(tag32 & 7);
    return tag->field != 0 && (tag32 & 7) <= 5;
  }

  bool ReadVarint(std::uint64_t* value) {
    std::uint64_t result = 0;
    for (unsigned shift = 0; shift < 70; shift += 7) {
      if (at_ == end_) {
        return false;
      }
      const auto byte = static_cast<std::uint64_t>(*at_++);
      result |= (byte & 0x7F) << shift;
      if (byte < 0x80) {
        *value = result;
        return true;
      }
    }
    return false;  // More than the ten bytes that 64 bits take.
  }

  template <typename T>
  bool ReadFixed(T* value) {
    if (remaining() < sizeof(T)) {
      return false;
    }
    std::memcpy(value, at_, sizeof(T));
    at_ += sizeof(T);
    return true;
  }

  bool ReadBytes(Bytes* bytes) {
    std::uint64_t length = 0;
    if (!ReadVarint(&length) || length > remaining()) {
      return false;
    }
    *bytes = Bytes(at_, static_cast<std::size_t>(length));
    at_ += length;
    return true;
  }

  // Passes over the value of a field that nobody wants; groups may nest as deep as protobuf allows.
  bool Skip(PbTag tag) { return SkipNested(tag, kMaxDepth); }

 private:
  static constexpr std::ptrdiff_t kMaxTagBytes = 5;
  static constexpr int kMaxDepth = 100;

  std::size_t remaining() const { return static_cast<std::size_t>(end_ - at_); }

  bool SkipNested(PbTag tag, int depth) {
    std::uint64_t number = 0;
    std::uint32_t small = 0;
    Bytes bytes;
    switch (tag.type) {
      case WireType::kVarint:
        return ReadVarint(&number);
      case WireType::kFixed64:
        return ReadFixed(&number);
      case WireType::kFixed32:
        return ReadFixed(&small);
      case WireType::kBytes:
        return ReadBytes(&bytes);
      case WireType::kGroup:
        return depth > 0 && SkipGroup(tag.field, depth);
      case WireType::kGroupEnd:
        return false;  // No group is open.
    }
    return false;
  }

  bool SkipGroup(std::uint32_t field, int depth) {
    PbTag tag;
    while (ReadTag(&tag)) {
      if (tag.type == WireType::kGroupEnd) {
        return tag.field == field;
      }
      if (!SkipNested(tag, depth - 1)) {
        return false;
      }
    }
    return false;
  }

  const std::byte* at_;
  const std::byte* end_;
};

// Whether a message consists of whole fields. One whose last field is cut takes what is put behind it for its own
// bytes.
inline bool IsWholeMessage(Bytes message) {
  PbReader reader(message);
  PbTag tag;
  while (!reader.done()) {
    if (!reader.ReadTag(&tag) || !reader.Skip(tag)) {
      return false;
    }
  }
  return true;
}

}  // namespace triton_lite::wire
