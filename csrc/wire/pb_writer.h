// Appends protobuf's wire encoding to a string. Fields with proto3's default value are left out by the Put functions
// and written by the Add functions (oneof members, map entries, repeated fields).
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

#include "wire/pb_reader.h"

namespace triton_lite::wire {

constexpr std::size_t VarintSize(std::uint64_t value) {
  std::size_t size = 1;
  for (; value >= 0x80; value >>= 7) {
    ++size;
  }
  return size;
}

// Returns the end of what it wrote; `out` has room for VarintSize(value).
inline std::byte* WriteVarint(std::uint64_t value, std::byte* out) {
  for (; value >= 0x80; value >>= 7) {
    *out++ = static_cast<std::byte>(value | 0x80);
  }
  *out++ = static_cast<std::byte>(value);
  return out;
}

class PbWriter {
 public:
  explicit PbWriter(std::string* out) : out_(out) {}

  void Varint(std::uint64_t value) {
    std::byte buffer[10];
    const std::byte* const end = WriteVarint(value, buffer);
    out_->append(reinterpret_cast<const char*>(buffer), static_cast<std::size_t>(end - buffer));
  }

  void Tag(std::uint32_t field, WireType type) { Varint((field << 3) | static_cast<std::uint32_t>(type)); }

  void AddVarint(std::uint32_t field, std::uint64_t value) {
    Tag(field, WireType::kVarint);
    Varint(value);
  }

  void AddDouble(std::uint32_t field, double value) {
    Tag(field, WireType::kFixed64);
    char bytes[sizeof(value)];
    std::memcpy(bytes, &value, sizeof(value));
    out_->append(bytes, sizeof(bytes));
  }

  void AddText(std::uint32_t field, std::string_view text) {
    Tag(field, WireType::kBytes);
    Varint(text.size());
    out_->append(text);
  }

  void PutText(std::uint32_t field, std::string_view text) {
    if (!text.empty()) {
      AddText(field, text);
    }
  }

  void PutPacked(std::uint32_t field, std::span<const std::int64_t> values) {
    if (values.empty()) {
      return;
    }
    const std::size_t start = Begin(field);
    for (std::int64_t value : values) {
      Varint(static_cast<std::uint64_t>(value));
    }
    End(start);
  }

  // A nested message is what is written between Begin and End.
  [[nodiscard]] std::size_t Begin(std::uint32_t field) {
    Tag(field, WireType::kBytes);
    out_->push_back('\0');  // The length, which is nearly always below 128.
    return out_->size();
  }

  void End(std::size_t start) {
    const std::size_t length = out_->size() - start;
    std::byte buffer[10];
    const std::byte* const end = WriteVarint(length, buffer);
    (*out_)[start - 1] = static_cast<char>(buffer[0]);
    out_->insert(start, reinterpret_cast<const char*>(buffer) + 1, static_cast<std::size_t>(end - buffer) - 1);
  }

 private:
  std::string* out_;
};

}  // namespace triton_lite::wire
