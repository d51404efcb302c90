// What the readers of HTTP inference requests share. Internal to wire/.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/parameters.h"
#include "core/status.h"

namespace triton_lite::wire {

using NamedValues = std::vector<std::pair<std::string, ParameterValue>>;

// Triton hands names on as C strings: they end at the first NUL.
inline std::string_view UpToNul(std::string_view text) { return text.substr(0, text.find('\0')); }

// "label: message", or OK.
inline Status Labelled(const std::string& label, const Status& status) {
  return status.ok() ? status : Status(status.code(), label + ": " + status.message());
}

}  // namespace triton_lite::wire
