#include "wire/utf8.h"

#include <cstdint>
#include <cstring>

namespace triton_lite::wire {
namespace {

std::uint8_t ByteAt(std::string_view text, std::size_t at) { return static_cast<std::uint8_t>(text[at]); }

bool IsContinuation(std::string_view text, std::size_t at) { return (ByteAt(text, at) & 0xC0) == 0x80; }

// What the second byte may be, by the first: the rest of RFC 3629's table.
bool SecondByteFits(std::uint8_t first, std::uint8_t second) {
  switch (first) {
    case 0xE0:
      return second >= 0xA0;
    case 0xED:
      return second <= 0x9F;
    case 0xF0:
      return second >= 0x90;
    case 0xF4:
      return second <= 0x8F;
    default:
      return true;
  }
}

std::size_t LengthByFirst(std::uint8_t first) {
  if (first < 0x80) {
    return 1;
  }
  if (first < 0xC2) {
    return 0;
  }
  if (first < 0xE0) {
    return 2;
  }
  if (first < 0xF0) {
    return 3;
  }
  return first <= 0xF4 ? 4 : 0;
}

}  // namespace

std::size_t Utf8SequenceLength(std::string_view text, std::size_t at) {
  const std::uint8_t first = ByteAt(text, at);
  const std::size_t length = LengthByFirst(first);
  if (length <= 1) {
    return length;
  }
  if (text.size() - at < length || !SecondByteFits(first, ByteAt(text, at + 1))) {
    return 0;
  }
  for (std::size_t i = 1; i < length; ++i) {
    if (!IsContinuation(text, at + i)) {
      return 0;
    }
  }
  return length;
}

bool IsUtf8(std::string_view text) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080u;
  std::size_t at = 0;
  while (at < text.size()) {
    std::uint64_t word = kHighBits;
    if (text.size() - at >= sizeof(word)) {
      std::memcpy(&word, text.data() + at, sizeof(word));
    }
    if ((word & kHighBits) == 0) {
      at += sizeof(word);
      continue;
    }
    const std::size_t length = Utf8SequenceLength(text, at);
    if (length == 0) {
      return false;
    }
    at += length;
  }
  return true;
}

}  // namespace triton_lite::wire
