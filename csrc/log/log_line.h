// How a line of the log looks.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "log/log_settings.h"

namespace triton_lite {

struct LogLine {
  LogLevel level = LogLevel::kInfo;
  bool verbose = false;
  std::uint64_t microseconds = 0;  // Since 1970, UTC.
  std::int32_t process_id = 0;
  std::string_view file = {};  // Where it comes from; folders are left out.
  std::uint32_t line = 0;
  // Of a line about a request: its id, empty when the client gave none.
  std::optional<std::string_view> request_id = std::nullopt;
  std::string_view text = {};
};

// Appends the line and its line feed. Whatever stands in the text and the id, it is one line: control characters are
// escaped as in JSON. `escape` false (TRITON_SERVER_ESCAPE_LOG_MESSAGES=0) writes them as they are, except in JSON.
void AppendLogLine(const LogLine& line, LogFormat format, bool escape, std::string* out);

// The beginning of a line, to "] ", or of an object, to its message's member. For writers of many lines.
void AppendLogHead(const LogLine& line, LogFormat format, std::string* out);

// Appends `text` as the inside of a JSON string, in UTF-8: bytes that are none become U+FFFD. Beside JSON's own, every
// control character that a terminal might obey is escaped.
void AppendEscaped(std::string_view text, std::string* out);

}  // namespace triton_lite
