// What is logged and how: small enough for one word, so that processes share it without a lock.
#pragma once

#include <cstdint>

namespace triton_lite {

enum class LogLevel : std::uint8_t { kError = 0, kWarning = 1, kInfo = 2 };

enum class LogFormat : std::uint8_t {
  kDefault = 0,  // I1124 06:23:00.123456 1 file.cc:12] "text"
  kIso8601 = 1,  // 2026-11-24T06:23:00Z I 1 file.cc:12] "text"
  kJson = 2,     // One object a line.
};

// The word, which python/triton_lite/logs/settings.py writes and reads as well: bit 0 is always set, bits 1 to 3 are
// info, warning and error, bits 4 and 5 the format, bits 32 to 62 the verbose level. The word 0 says nothing.
struct LogSettings {
  bool info = true;
  bool warning = true;
  bool error = true;
  LogFormat format = LogFormat::kDefault;
  std::uint32_t verbose = 0;  // Verbose lines up to this level are written.

  constexpr bool Wants(LogLevel level) const {
    return level == LogLevel::kInfo ? info : level == LogLevel::kWarning ? warning : error;
  }

  constexpr std::uint64_t word() const {
    return 1 | std::uint64_t{info} << 1 | std::uint64_t{warning} << 2 | std::uint64_t{error} << 3 |
           static_cast<std::uint64_t>(format) << 4 | std::uint64_t{verbose & 0x7FFFFFFF} << 32;
  }
  static constexpr LogSettings FromWord(std::uint64_t word) {
    const auto format = static_cast<std::uint8_t>(word >> 4 & 3);
    return {(word & 2) != 0, (word & 4) != 0, (word & 8) != 0,
            format > 2 ? LogFormat::kDefault : static_cast<LogFormat>(format),
            static_cast<std::uint32_t>(word >> 32 & 0x7FFFFFFF)};
  }
};

}  // namespace triton_lite
