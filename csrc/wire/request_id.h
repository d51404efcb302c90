// A request's id as the value of the x-request-id header.
#pragma once

#include <algorithm>
#include <string_view>

namespace triton_lite::wire {

inline constexpr std::size_t kMostHeaderIdByteSize = 256;

// Short, visible ASCII, without spaces at its ends: anything else might end the header, or not survive proxies.
inline bool FitsHeader(std::string_view id) {
  return !id.empty() && id.size() <= kMostHeaderIdByteSize && id.front() != ' ' && id.back() != ' ' &&
         std::all_of(id.begin(), id.end(), [](char c) { return c >= 0x20 && c < 0x7F; });
}

}  // namespace triton_lite::wire
