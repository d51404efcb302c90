#include "log/log_line.h"

#include <charconv>
#include <ctime>

#include "wire/utf8.h"

namespace triton_lite {
namespace {

constexpr char kHexDigits[] = "0123456789ABCDEF";
constexpr std::uint64_t kMicrosecondsPerSecond = 1'000'000;

void AppendNumber(std::uint64_t number, std::string* out) {
  char digits[24];
  const auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  out->append(digits, end);
}

void AppendPadded(std::uint64_t number, unsigned width, std::string* out) {
  char digits[8];
  for (unsigned i = width; i-- > 0; number /= 10) {
    digits[i] = static_cast<char>('0' + number % 10);
  }
  out->append(digits, width);
}

// The broken-down time of a second: many lines have the same.
const std::tm& Calendar(std::uint64_t second) {
  thread_local std::uint64_t known_second = ~std::uint64_t{0};
  thread_local std::tm known = {};
  if (second != known_second) {
    const auto time = static_cast<std::time_t>(second);
    gmtime_r(&time, &known);
    known_second = second;
  }
  return known;
}

void AppendClock(const std::tm& at, std::string* out) {
  AppendPadded(static_cast<std::uint64_t>(at.tm_hour), 2, out);
  out->push_back(':');
  AppendPadded(static_cast<std::uint64_t>(at.tm_min), 2, out);
  out->push_back(':');
  AppendPadded(static_cast<std::uint64_t>(at.tm_sec), 2, out);
}

// 2026-11-24T06:23:00
void AppendIsoTime(const std::tm& at, std::string* out) {
  AppendPadded(static_cast<std::uint64_t>(at.tm_year + 1900), 4, out);
  out->push_back('-');
  AppendPadded(static_cast<std::uint64_t>(at.tm_mon + 1), 2, out);
  out->push_back('-');
  AppendPadded(static_cast<std::uint64_t>(at.tm_mday), 2, out);
  out->push_back('T');
  AppendClock(at, out);
}

char Letter(LogLevel level) { return "EWI"[static_cast<unsigned>(level)]; }

std::string_view Name(const LogLine& line) {
  switch (line.level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarning:
      return "warning";
    default:
      return line.verbose ? "verbose" : "info";
  }
}

std::string_view BaseName(std::string_view file) { return file.substr(file.rfind('/') + 1); }

void AppendPlace(const LogLine& line, std::string* out) {
  out->append(BaseName(line.file));
  out->push_back(':');
  AppendNumber(line.line, out);
}

void AppendJsonHead(const LogLine& line, std::string* out) {
  out->append("{\"time\":\"");
  AppendIsoTime(Calendar(line.microseconds / kMicrosecondsPerSecond), out);
  out->push_back('.');
  AppendPadded(line.microseconds % kMicrosecondsPerSecond, 6, out);
  out->append("Z\",\"level\":\"");
  out->append(Name(line));
  out->append("\",\"pid\":");
  AppendNumber(static_cast<std::uint64_t>(line.process_id), out);
  out->append(",\"source\":\"");
  AppendPlace(line, out);
  out->append("\",");
  if (line.request_id.has_value()) {
    out->append("\"request_id\":\"");
    AppendEscaped(*line.request_id, out);
    out->append("\",");
  }
  out->append("\"message\":");
}

// The code point of a valid sequence.
std::uint32_t CodePoint(std::string_view sequence) {
  std::uint32_t code =
      static_cast<unsigned char>(sequence[0]) & (sequence.size() == 1 ? 0x7F : 0xFF >> sequence.size());
  for (const char next : sequence.substr(1)) {
    code = code << 6 | (static_cast<unsigned char>(next) & 0x3F);
  }
  return code;
}

bool IsControl(std::uint32_t code) {
  return code < 0x20 || (code >= 0x7F && code < 0xA0) || code == 0x2028 || code == 0x2029;
}

void AppendControl(std::uint32_t code, std::string* out) {
  constexpr std::string_view kShort = "\b\t\n\f\r";
  const std::size_t found = code < 0x20 ? kShort.find(static_cast<char>(code)) : std::string_view::npos;
  if (found != std::string_view::npos) {
    out->push_back('\\');
    out->push_back("btnfr"[found]);
    return;
  }
  out->append("\\u");
  for (int shift = 12; shift >= 0; shift -= 4) {
    out->push_back(kHexDigits[code >> shift & 15]);
  }
}

bool IsPlain(char c) { return c >= 0x20 && c < 0x7F && c != '"' && c != '\\'; }

}  // namespace

void AppendEscaped(std::string_view text, std::string* out) {
  for (std::size_t at = 0; at < text.size();) {
    std::size_t plain = at;
    while (plain < text.size() && IsPlain(text[plain])) {
      ++plain;
    }
    out->append(text.substr(at, plain - at));
    at = plain;
    if (at == text.size()) {
      return;
    }
    const std::size_t length = wire::Utf8SequenceLength(text, at);
    if (length == 0) {
      out->append("\xEF\xBF\xBD");
      ++at;
      continue;
    }
    const std::string_view sequence = text.substr(at, length);
    at += length;
    if (const std::uint32_t code = CodePoint(sequence); IsControl(code)) {
      AppendControl(code, out);
    } else {
      if (code == '"' || code == '\\') {
        out->push_back('\\');
      }
      out->append(sequence);
    }
  }
}

void AppendLogHead(const LogLine& line, LogFormat format, std::string* out) {
  if (format == LogFormat::kJson) {
    AppendJsonHead(line, out);
    return;
  }
  const std::tm& at = Calendar(line.microseconds / kMicrosecondsPerSecond);
  if (format == LogFormat::kIso8601) {
    AppendIsoTime(at, out);
    out->append("Z ");
    out->push_back(Letter(line.level));
  } else {
    out->push_back(Letter(line.level));
    AppendPadded(static_cast<std::uint64_t>(at.tm_mon + 1), 2, out);
    AppendPadded(static_cast<std::uint64_t>(at.tm_mday), 2, out);
    out->push_back(' ');
    AppendClock(at, out);
    out->push_back('.');
    AppendPadded(line.microseconds % kMicrosecondsPerSecond, 6, out);
  }
  out->push_back(' ');
  AppendNumber(static_cast<std::uint64_t>(line.process_id), out);
  out->push_back(' ');
  AppendPlace(line, out);
  out->append("] ");
}

void AppendLogLine(const LogLine& line, LogFormat format, bool escape, std::string* out) {
  AppendLogHead(line, format, out);
  if (format == LogFormat::kJson) {
    out->push_back('"');
    AppendEscaped(line.text, out);
    out->append("\"}\n");
    return;
  }
  const auto append = [&](std::string_view text) { escape ? AppendEscaped(text, out) : void(out->append(text)); };
  if (escape) {
    out->push_back('"');
  }
  if (line.request_id.has_value()) {
    out->append("[request id: ");
    append(line.request_id->empty() ? "<id_unknown>" : *line.request_id);
    out->append("] ");
  }
  append(line.text);
  out->append(escape ? "\"\n" : "\n");
}

}  // namespace triton_lite
