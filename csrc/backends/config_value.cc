#include "backends/config_value.h"

#include <algorithm>
#include <cctype>
#include <charconv>

namespace triton_lite {

Result<bool> ParseBoolValue(const std::string& text) {
  std::string lower = text;
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return std::tolower(c); });
  if (lower == "true" || lower == "on" || lower == "1") {
    return true;
  }
  if (lower == "false" || lower == "off" || lower == "0") {
    return false;
  }
  return InvalidArgument("failed to convert '" + text + "' to boolean");
}

Result<int> ParseIntValue(const std::string& text) {
  const auto begin = std::find_if(text.begin(), text.end(), [](unsigned char c) { return std::isspace(c) == 0; });
  const char* first = text.data() + (begin - text.begin());
  const char* const last = text.data() + text.size();
  if (first != last && *first == '+' && last - first > 1 && first[1] != '-') {
    ++first;
  }
  int value = 0;
  if (std::from_chars(first, last, value).ec != std::errc()) {
    return InvalidArgument("failed to convert '" + text + "' to integral number");
  }
  return value;
}

Result<bool> FindBool(const ConfigValues& values, const std::string& name, bool default_value) {
  const auto it = values.find(name);
  return it == values.end() ? Result<bool>(default_value) : ParseBoolValue(it->second);
}

Result<int> FindInt(const ConfigValues& values, const std::string& name, int default_value) {
  const auto it = values.find(name);
  return it == values.end() ? Result<int>(default_value) : ParseIntValue(it->second);
}

}  // namespace triton_lite
