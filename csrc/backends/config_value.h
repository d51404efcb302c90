// Values of a model's `parameters` and of --backend-config, as Triton's backends read them.
#pragma once

#include <map>
#include <string>

#include "core/status.h"

namespace triton_lite {

using ConfigValues = std::map<std::string, std::string>;

// "true", "on", "1", "false", "off", "0", in any case; INVALID_ARGUMENT otherwise.
Result<bool> ParseBoolValue(const std::string& text);

// A decimal number at the start of `text`, as std::stoi reads it; INVALID_ARGUMENT otherwise.
Result<int> ParseIntValue(const std::string& text);

// The same for a value that may lack.
Result<bool> FindBool(const ConfigValues& values, const std::string& name, bool default_value);
Result<int> FindInt(const ConfigValues& values, const std::string& name, int default_value);

}  // namespace triton_lite
