// Names in texts.
#pragma once

#include <string>
#include <string_view>

namespace triton_lite {

// 'name', as Triton's texts show names.
inline std::string Quoted(std::string_view name) {
  std::string text;
  text.reserve(name.size() + 2);
  text += '\'';
  text += name;
  text += '\'';
  return text;
}

}  // namespace triton_lite
