// Borrowed runs of bytes. A borrow never outlives the Buffer (buffer.h) or the caller it came from.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace triton_lite {

using Bytes = std::span<const std::byte>;
using MutableBytes = std::span<std::byte>;

inline std::string_view AsText(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

inline Bytes AsBytes(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

}  // namespace triton_lite
